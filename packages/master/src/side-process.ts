// A process beside the master that keeps something for it, with a link of messages: started when it is wanted, and again
// when it ends. Nothing that serves waits for one.
import { fork } from 'node:child_process';
import { fromChildProcess, LinkedChild, SupervisedChild, watchPeer } from '@vhostd/supervisor';
import type { ChildHandle } from '@vhostd/supervisor';
import { forkWithLink, Peer } from '@vhostd/transport';
import type { MessageMap } from '@vhostd/transport';

/** What a {@link SideProcess} runs, and who hears of it. `Outgoing` must have `ping`. */
export interface SideProcessOptions<Outgoing extends MessageMap, Incoming extends MessageMap> {
  /** Such as `certificates`. */
  readonly name: string;
  /** Absolute path of what it runs. */
  readonly program: string;
  readonly args?: readonly string[];
  /** Answers what it asks for. */
  readonly answer: (peer: Peer<Outgoing, Incoming>) => void;
  /** There is a process, which may be told what it is to do. */
  readonly onStarted: (peer: Peer<Outgoing, Incoming>) => void;
  /** What it has asked for is over with it. */
  readonly onEnded: () => void;
  /** It ended unasked, or can't be started. */
  readonly onExited: (message: string) => void;
}

export class SideProcess<
  Outgoing extends MessageMap & { ping: { params: null; result: null } },
  Incoming extends MessageMap,
> {
  readonly #options: SideProcessOptions<Outgoing, Incoming>;
  readonly #child: SupervisedChild;
  #peer: Peer<Outgoing, Incoming> | undefined;

  constructor(options: SideProcessOptions<Outgoing, Incoming>) {
    this.#options = options;
    this.#child = new SupervisedChild({
      name: options.name,
      spawn: () => this.#spawn(),
      // Never given up: it is needed again one day.
      restart: { intensity: 1000, periodMs: 60_000 },
      backoff: { baseMs: 1000, capMs: 60_000 },
      shutdown: { softMs: 0, termMs: 1000 },
    });
    this.#child.on('exit', ({ message }) => options.onExited(message));
    this.#child.on('spawn-failed', ({ message }) => options.onExited(message));
  }

  /** The living process; undefined while there is none. */
  get peer(): Peer<Outgoing, Incoming> | undefined {
    return this.#peer;
  }

  /** Starts it unless it has been. */
  start(): void {
    if (this.#child.state === 'idle') this.#child.start();
  }

  /** Resolves when it has gone. */
  async stop(): Promise<void> {
    this.#child.removeAllListeners('exit');
    await this.#child.stop();
  }

  #spawn(): ChildHandle {
    const { name, program, args = [], answer, onStarted, onEnded } = this.#options;
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
    const peer = new Peer<Outgoing, Incoming>(link, {
      name: `the process of ${name}`,
      onViolation: fail,
      onEnd: () => {
        watch.stop();
        if (this.#peer === peer) {
          this.#peer = undefined;
          onEnded();
        }
        linked.linkEnded();
      },
    });
    this.#peer = peer;
    answer(peer);
    peer.start();
    const watch = watchPeer(peer, {
      bootTimeoutMs: BOOT_TIMEOUT_MS,
      intervalMs: 10_000,
      limitMs: 60_000,
      onAlive: () => void this.#child.markReady(),
      onLost: fail,
    });
    onStarted(peer);
    return linked;
  }
}

const BOOT_TIMEOUT_MS = 30_000;
