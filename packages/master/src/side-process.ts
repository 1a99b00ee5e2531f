// A process beside the master that does what nobody who is served waits for: it is started when there is something to
// do, again when it ends, and ends with its master.
import { fork } from 'node:child_process';
import { fromChildProcess, LinkedChild, SupervisedChild, watchPeer } from '@vhostd/supervisor';
import type { ChildHandle } from '@vhostd/supervisor';
import { forkWithLink, Peer } from '@vhostd/transport';
import type { MessageMap } from '@vhostd/transport';

/** What {@link SideProcess} starts. */
export interface SideProcessOptions<Told extends MessageMap, Answered extends MessageMap> {
  readonly name: string;
  /** Absolute path of its program, and its arguments. */
  readonly program: string;
  readonly args: readonly string[];
  /** There is a process; its link is not read yet. */
  readonly onSpawned: (peer: Peer<Told, Answered>) => void;
  /** Its link has ended. */
  readonly onLost: () => void;
  /** It ended, or can't be started; it is started again. */
  readonly onExited: (message: string) => void;
}

export class SideProcess<Told extends MessageMap & Pings, Answered extends MessageMap> {
  readonly #options: SideProcessOptions<Told, Answered>;
  readonly #child: SupervisedChild;
  #peer: Peer<Told, Answered> | undefined;

  constructor(options: SideProcessOptions<Told, Answered>) {
    this.#options = options;
    this.#child = new SupervisedChild({
      name: options.name,
      spawn: () => this.#spawn(),
      // Never given up: what it does is wanted still.
      restart: { intensity: 1000, periodMs: 60_000 },
      backoff: { baseMs: 1000, capMs: 60_000 },
      shutdown: { softMs: 0, termMs: 1000 },
    });
    this.#child.on('exit', ({ message }) => options.onExited(message));
    this.#child.on('spawn-failed', ({ message }) => options.onExited(message));
  }

  /** Absent while there is no process. */
  get peer(): Peer<Told, Answered> | undefined {
    return this.#peer;
  }

  /** Has it run from now on. */
  start(): void {
    if (this.#child.state === 'idle') this.#child.start();
  }

  /** Resolves when it has gone. */
  async stop(): Promise<void> {
    this.#child.removeAllListeners('exit');
    await this.#child.stop();
  }

  #spawn(): ChildHandle {
    const { name, program, args, onSpawned, onLost } = this.#options;
    const fail = (why: string): void => void this.#child.fail(why, { now: true });
    const { child, link } = forkWithLink(
      (variables) =>
        fork(program, args, {
          env: { ...process.env, ...variables },
          execArgv: [],
          stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
        }),
      (forked) => forked,
      { type: 'pipe', onViolation: fail },
    );
    const linked = new LinkedChild(fromChildProcess(child), {
      closeLink: () => peer.close(),
      onLinger: () => fail('it closed its link and lived on'),
    });
    const peer = new Peer<Told, Answered>(link, {
      name: `the process of ${name}`,
      onViolation: fail,
      onEnd: () => {
        watch.stop();
        if (this.#peer === peer) {
          this.#peer = undefined;
          onLost();
        }
        linked.linkEnded();
      },
    });
    this.#peer = peer;
    onSpawned(peer);
    peer.start();
    const watch = watchPeer(peer, {
      bootTimeoutMs: BOOT_TIMEOUT_MS,
      intervalMs: 10_000,
      limitMs: 60_000,
      onAlive: () => void this.#child.markReady(),
      onLost: fail,
    });
    return linked;
  }
}

interface Pings {
  readonly ping: { params: null; result: null };
}

const BOOT_TIMEOUT_MS = 30_000;
