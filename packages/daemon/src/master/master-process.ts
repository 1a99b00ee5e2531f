// One master process, from its start or adoption to its end: the link to it and what is said over it.
import type { DaemonToMaster, LinkType, MasterToDaemon, StopMode } from '@vhostd/protocol';
import { LinkedChild, watchPeer } from '@vhostd/supervisor';
import type { ChildHandle, PeerWatch } from '@vhostd/supervisor';
import { Peer } from '@vhostd/transport';
import type { Link } from '@vhostd/transport';
import { MasterControl } from './master-control.js';

/** How a master is started and watched. */
export interface MasterLaunch {
  file: string;
  args: readonly string[];
  env: Readonly<Record<string, string>>;
  /** Undefined: Node's options of this process. */
  execArgv: readonly string[] | undefined;
  /** Where it is started, as long as that is there. */
  cwd: string;
  linkType: LinkType;
  bootTimeoutMs: number;
  heartbeat: { intervalMs: number; limitMs: number };
  stopTimeoutMs: number;
}

/** What the owner of a master process is told of it. */
export interface MasterWatcher {
  /** It answered for the first time. */
  onAlive(): void;
  /** It answered once more. */
  onAnswer(): void;
  /** It is broken and must be replaced at once. */
  onBroken(why: string): void;
  /** The link has ended: nothing comes from it any more. */
  onLinkEnd(): void;
}

/** The process under a master: a child of this one, or one that was adopted. */
export interface MasterBody extends ChildHandle {
  readonly link: Link;
  /** The link has ended: the process is about to end, if it has not. */
  expectExit?(): void;
}

export class MasterProcess {
  readonly peer: Peer<DaemonToMaster, MasterToDaemon>;
  readonly control: MasterControl;
  /** How it is told to leave, when it is. */
  stopMode: StopMode = 'drain';
  readonly #child: LinkedChild;
  readonly #launch: MasterLaunch;
  readonly #watcher: MasterWatcher;
  #watch: PeerWatch | undefined;

  /** `embody` starts or adopts the process; what it throws is thrown. */
  constructor(
    launch: MasterLaunch,
    watcher: MasterWatcher,
    embody: (onViolation: (detail: string) => void) => MasterBody,
  ) {
    this.#launch = launch;
    this.#watcher = watcher;
    const onViolation = (detail: string): void => {
      watcher.onBroken(`it broke the rules of its link: ${detail}`);
      this.peer.close();
    };
    const body = embody(onViolation);
    this.#child = new LinkedChild(body, {
      closeLink: () => this.peer.close(),
      onLinger: () => watcher.onBroken('it closed its link and lived on'),
    });
    const onEnd = (): void => {
      this.#watch?.stop();
      watcher.onLinkEnd();
      body.expectExit?.();
      this.#child.linkEnded();
    };
    this.peer = new Peer(body.link, { name: 'the master', onViolation, onEnd });
    this.control = new MasterControl(this.peer);
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Begins to listen to the link and to watch whether the master answers. Handlers must be set by then. */
  begin(): void {
    this.peer.start();
    const { bootTimeoutMs, heartbeat } = this.#launch;
    this.#watch = watchPeer(this.peer, {
      bootTimeoutMs,
      ...heartbeat,
      onAlive: () => this.#watcher.onAlive(),
      onAnswer: () => this.#watcher.onAnswer(),
      onLost: (why) => this.#watcher.onBroken(why),
    });
  }

  /** This process in the eyes of supervision. */
  handle(): ChildHandle {
    const child = this.#child;
    return {
      pid: child.pid,
      kill: (signal) => child.kill(signal),
      softStop: () => this.requestStop(),
      onError: (callback) => child.onError(callback),
      onExit: (callback) => {
        child.onExit((code, signal) => {
          this.#watch?.stop();
          callback(code, signal);
        });
      },
    };
  }

  /** Sends the request to leave. */
  requestStop(): void {
    const limit = { timeoutMs: this.#launch.stopTimeoutMs };
    // Whether it obeys shows in its end; supervision has the limits.
    this.peer.request('stop', { mode: this.stopMode }, limit).catch(() => undefined);
  }
}
