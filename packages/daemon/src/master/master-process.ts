// One master process, from its start or adoption to its end: the link to it and what is said over it.
import { VhostError } from '@vhostd/protocol';
import { FrameKind, Peer } from '@vhostd/transport';
import type { DaemonToMaster, LinkType, MasterToDaemon, StopMode } from '@vhostd/protocol';
import type { Link, LinkEnd } from '@vhostd/transport';
import { Heartbeat } from '@vhostd/supervisor';
import type { ChildHandle } from '@vhostd/supervisor';

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
  /** How it is told to leave, when it is. */
  stopMode: StopMode = 'drain';
  readonly #body: MasterBody;
  readonly #link: Link;
  readonly #launch: MasterLaunch;
  readonly #watcher: MasterWatcher;
  #heartbeat: Heartbeat | undefined;
  /** Runs while the process lives without its link, or is gone and its link is still being read. */
  #overlap: NodeJS.Timeout | undefined;
  #exited = false;
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
    this.#link = this.#body.link;
    this.peer = new Peer(this.#link, { onViolation });
  }

  get pid(): number | undefined {
    return this.#body.pid;
  }

  /** Begins to listen to the link and to watch whether the master answers. Handlers must be set by then. */
  begin(): void {
    this.#link.start({
      onFrame: (frame) => {
        if (frame.kind === FrameKind.message) {
          this.peer.receive(frame);
        } else {
          frame.handle?.close();
          this.#refuse(`a frame of kind ${frame.kind}`);
        }
      },
      onEnd: (end) => this.#linkEnded(end),
    });
    const { bootTimeoutMs } = this.#launch;
    void this.#ping(bootTimeoutMs).then((alive) => {
      if (!this.#link.open) return;
      if (!alive) return this.#watcher.onBroken(`no first answer within ${bootTimeoutMs} ms`);
      this.#watcher.onAlive();
      this.#beat();
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
          this.#heartbeat?.stop();
          this.#overlapEnded();
          if (!this.#link.open) {
            callback(code, signal);
            return;
          }
          this.#onGone = () => callback(code, signal);
          // Somebody else may have the other end open still.
          this.#overlap = setTimeout(() => this.#link.close(), LAST_WORD_LIMIT_MS);
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

  /** True if it gave any sign of life in time. */
  async #ping(timeoutMs: number): Promise<boolean> {
    try {
      await this.peer.request('ping', null, { timeoutMs });
      return true;
    } catch (error) {
      return error instanceof VhostError && !SILENT.has(error.code);
    }
  }

  #beat(): void {
    const { intervalMs, limitMs } = this.#launch.heartbeat;
    const heartbeat: Heartbeat = new Heartbeat({
      intervalMs,
      limitMs,
      sendPing: () => {
        void this.#ping(limitMs).then((alive) => {
          if (alive) heartbeat.pong();
        });
      },
      onLost: (silentMs) => this.#watcher.onBroken(`no answer for ${Math.round(silentMs)} ms`),
    });
    this.#heartbeat = heartbeat;
  }

  #refuse(detail: string): void {
    this.#watcher.onBroken(`it broke the rules of its link: ${detail}`);
    this.#link.close();
  }

  #linkEnded(end: LinkEnd): void {
    this.#heartbeat?.stop();
    this.#overlapEnded();
    this.peer.end(new VhostError('ERR_LINK_LOST', 'the master is gone'));
    this.#watcher.onLinkEnd();
    if (end.reason === 'violation') this.#refuse(end.detail);
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
/** Errors of a request that say nothing about whether the other process lives. */
const SILENT: ReadonlySet<string> = new Set(['ERR_CALL_TIMEOUT', 'ERR_CALL_LOST', 'ERR_LINK_LOST']);
