// A slot on a fake machine, and everything that it did.
import { FakeOs, FakeProcess } from './fake-os.test.kit.js';
import type { ChildState } from './child-state.js';
import { SupervisedChild } from './supervised-child.js';
import type { SupervisedChildOptions } from './supervised-child-options.js';

/** What a test looks at. */
export interface Bench {
  os: FakeOs;
  child: SupervisedChild;
  /** All processes so far, the last one is the present one. */
  processes: FakeProcess[];
  /** When each was spawned, in ms since the bench was made. */
  spawnTimes: number[];
  /** Every event of the slot in order, as one line each: `idle start booting`, `exit code 1`. */
  log: string[];
  /** The last process. Throws if there was none. */
  current: () => FakeProcess;
}

/** Options of {@link makeBench}: those of the slot, and how its processes are made. */
export interface BenchOptions extends Partial<SupervisedChildOptions> {
  /** Called with the number of the process, from 1. May throw. */
  make?: (number: number) => FakeProcess;
}

/** Makes a slot whose processes have the pids 1, 2, 3 and die of SIGTERM. */
export function makeBench({
  make = (number) => new FakeProcess(number),
  ...options
}: BenchOptions = {}): Bench {
  const os = new FakeOs();
  const startMs = os.now();
  const processes: FakeProcess[] = [];
  const spawnTimes: number[] = [];
  const log: string[] = [];
  const child = new SupervisedChild({
    name: 'site/0',
    os,
    spawn: () => {
      spawnTimes.push(os.now() - startMs);
      const made = make(spawnTimes.length);
      processes.push(made);
      return made;
    },
    ...options,
  });
  child.on('state', ({ from, event, to }) => log.push(`${from} ${event} ${to}`));
  child.on('spawned', (pid) => log.push(`spawned ${pid}`));
  child.on('exit', (reason) => log.push(`exit ${reason.signal ?? reason.code}`));
  child.on('spawn-failed', () => log.push('spawn-failed'));
  child.on('errored', () => log.push('errored'));
  child.on('fault', (error) => log.push(`fault ${error.message}`));
  child.on('stuck', (pid) => log.push(`stuck ${pid}`));
  const current = (): FakeProcess => {
    const last = processes.at(-1);
    if (last === undefined) throw new Error('nothing was spawned');
    return last;
  };
  return { os, child, processes, spawnTimes, log, current };
}

/** Brings a slot with default restart policy and backoff, never started, into `state`. Its processes must die of nothing. */
export function bringTo(bench: Bench, state: ChildState): void {
  const { child, os, current } = bench;
  if (state === 'idle') return;
  child.start();
  if (state === 'ready') child.markReady();
  if (state === 'stopping' || state === 'killing') void child.stop({ now: state === 'killing' });
  if (state === 'backoff') current().exit(1);
  if (state === 'exited') {
    void child.stop();
    current().exit(0);
  }
  if (state === 'errored') {
    for (let restart = 0; restart < 10; restart += 1) {
      current().exit(1);
      while (child.state === 'backoff') os.advance(100);
    }
    current().exit(1);
  }
}
