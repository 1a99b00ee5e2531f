// One master process, from its start or adoption to its end: the link to it and what is said over it.
import { Peer } from '@vhostd/transport';
import type { DaemonToMaster, LinkType, MasterToDaemon, StopMode } from '@vhostd/protocol';
import type { Link } from '@vhostd/transport';
import { watchPeer } from '@vhostd/supervisor';
import type { ChildHandle, PeerWatch } from '@vhostd/supervisor';
import { MasterControl } from './master-control.js';

/** How a master is started and watched. */
export interface MasterLaunch {
  file: string;
  args: readonly string[];
  env: Readonly<Record<string, string>>;
  /** Undefined: Node's options of this process. */
  execArgv: readonly string[] | undefined;
  linkType: LinkType;
  bootTimeoutMs: number;
  heartbeat: { intervalMs: number; limitMs: number };
  stopTimeoutMs: number;
}

/** What the owner of a master process is told of it. */
export interface MasterWatcher {
  /** It answered for the first time. */
  onAlive(): void;
  /** It is broken and must be replaced at once. */
  onBroken(why: string): void;
  /** The link has ended: nothing comes from it any more. */
  onLinkEnd(): void;
}

/** The process under a master: a child of this one, or one that was adopted. */
export interface MasterBody {
  readonly pid: number | undefined;
  readonly link: Link;
  kill(signal: NodeJS.Signals): boolean;
  onError(callback: (error: Error) => void): void;
  /** Calls back once, when the process has ended. What is not known of an end that is not a child's is null. */
  onExit(callback: (code: number | null, signal: string | null) => void): void;
  /** The link has ended: the process is about to end, if it has not. */
  expectExit?(): void;
}

export class MasterProcess {
  readonly peer: Peer<DaemonToMaster, MasterToDaemon>;
  readonly control: MasterControl;
  /** How it is told to leave, when it is. */
  stopMode: StopMode = 'drain';
  readonly #body: MasterBody;
  readonly #launch: MasterLaunch;
  readonly #watcher: MasterWatcher;
  #watch: PeerWatch | undefined;
  /** Runs while the process lives without its link, or is gone and its link is still being read. */
  #overlap: NodeJS.Timeout | undefined;
  #exited = false;
  #linkHasEnded = false;
  #onGone: (() => void) | undefined;

  /** `embody` starts or adopts the process; what it throws is thrown. */
  constructor(
    launch: MasterLaunch,
    watcher: MasterWatcher,
    embody: (onViolation: (detail: string) => void) => MasterBody,
  ) {
    this.#launch = launch;
    this.#watcher = watcher;
    const onViolation = (detail: string): void => this.#refuse(detail);
    this.#body = embody(onViolation);
    this.peer = new Peer(this.#body.link, {
      name: 'the master',
      onViolation,
      onEnd: () => this.#linkEnded(),
    });
    this.control = new MasterControl(this.peer);
  }

  get pid(): number | undefined {
    return this.#body.pid;
  }

  /** Begins to listen to the link and to watch whether the master answers. Handlers must be set by then. */
  begin(): void {
    this.peer.start();
    const { bootTimeoutMs, heartbeat } = this.#launch;
    this.#watch = watchPeer(this.peer, {
      bootTimeoutMs,
      ...heartbeat,
      onAlive: () => this.#watcher.onAlive(),
      onLost: (why) => this.#watcher.onBroken(why),
    });
  }

  /** This process in the eyes of supervision. It counts as ended when its last word has been read. */
  handle(): ChildHandle {
    const body = this.#body;
    return {
      pid: body.pid,
      kill: (signal) => body.kill(signal),
      softStop: () => this.requestStop(),
      onError: (callback) => body.onError(callback),
      onExit: (callback) => {
        body.onExit((code, signal) => {
          this.#exited = true;
          this.#watch?.stop();
          this.#overlapEnded();
          if (this.#linkHasEnded) {
            callback(code, signal);
            return;
          }
          this.#onGone = () => callback(code, signal);
          // Somebody else may have the other end open still.
          this.#overlap = setTimeout(() => this.peer.close(), LAST_WORD_LIMIT_MS);
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

  #refuse(detail: string): void {
    this.#watcher.onBroken(`it broke the rules of its link: ${detail}`);
    this.peer.close();
  }

  #linkEnded(): void {
    this.#linkHasEnded = true;
    this.#watch?.stop();
    this.#overlapEnded();
    this.#watcher.onLinkEnd();
    if (this.#exited) {
      this.#onGone?.();
      return;
    }
    this.#body.expectExit?.();
    this.#overlap = setTimeout(() => {
      this.#watcher.onBroken('it closed its link and lived on');
    }, LAST_WORD_LIMIT_MS);
  }

  #overlapEnded(): void {
    clearTimeout(this.#overlap);
    this.#overlap = undefined;
  }
}

/** How long the end of the link and the end of the process may lie apart, ms. */
const LAST_WORD_LIMIT_MS = 5_000;
