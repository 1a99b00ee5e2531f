// The process that is to replace this daemon: started with a link, watched, ended if it fails.
import type { ChildProcess } from 'node:child_process';
import { VhostError } from '@vhostd/protocol';
import { forkDaemon, FrameKind, Peer } from '@vhostd/transport';
import type { LaunchInfo, DaemonToCandidate, CandidateToDaemon } from '@vhostd/protocol';
import type { Link } from '@vhostd/transport';
import { Heartbeat } from '@vhostd/supervisor';

/** How it is watched. */
export interface CandidateWatch {
  heartbeat: { intervalMs: number; limitMs: number };
  onProgress(what: string): void;
}

export class CandidateProcess {
  readonly peer: Peer<DaemonToCandidate, CandidateToDaemon>;
  /** Rejects when the process can no longer be the daemon: it ended, broke the rules or does not answer. */
  readonly failed: Promise<never>;
  /** Resolves when the process is dead, or was not to be had. */
  readonly exited: Promise<void>;
  readonly #child: ChildProcess;
  readonly #link: Link;
  readonly #watch: CandidateWatch;
  #heartbeat: Heartbeat | undefined;
  #fail: (error: Error) => void = () => undefined;

  /** @throws {VhostError} ERR_NODE_INTERNALS, or the system's error. */
  constructor(launch: LaunchInfo, watch: CandidateWatch) {
    this.#watch = watch;
    this.failed = new Promise((_resolve, reject) => {
      this.#fail = reject;
    });
    // It may fail when nobody waits for it any more.
    this.failed.catch(() => undefined);
    const onViolation = (detail: string): void => this.#give(`it broke the rules of its link: ${detail}`);
    const { child, link } = forkDaemon(launch, { role: 'candidate', runDir: launch.runDir }, onViolation);
    this.#child = child;
    this.#link = link;
    this.exited = new Promise((resolve) => {
      child.once('exit', (code, signal) => {
        this.#give(signal === null ? `it exited with code ${code}` : `it was ended by ${signal}`);
        resolve();
      });
      if (child.pid !== undefined) return;
      child.once('error', (error) => {
        this.#give(error.message);
        resolve();
      });
    });
    this.peer = new Peer(link, { onViolation });
    this.peer.handle('progress', (params) => {
      const what: unknown = typeof params === 'object' && params !== null && Reflect.get(params, 'what');
      if (typeof what === 'string') watch.onProgress(what);
      return null;
    });
    link.start({
      onFrame: (frame) => {
        if (frame.kind === FrameKind.message) this.peer.receive(frame);
        else frame.handle?.close();
      },
      onEnd: () => this.peer.end(new VhostError('ERR_LINK_LOST', 'the new daemon is gone')),
    });
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Resolves once it has answered for the first time; from then on it is watched. Rejects as {@link failed}. */
  async alive(timeoutMs: number): Promise<void> {
    const ping = this.peer.request('ping', null, { timeoutMs }).catch(() => {
      if (this.#link.open) this.#give(`it gave no sign of life within ${timeoutMs} ms`);
      return this.failed;
    });
    await Promise.race([ping, this.failed]);
    const { intervalMs, limitMs } = this.#watch.heartbeat;
    const heartbeat: Heartbeat = new Heartbeat({
      intervalMs,
      limitMs,
      sendPing: () => {
        this.peer.request('ping', null, { timeoutMs: limitMs }).then(
          () => heartbeat.pong(),
          () => undefined,
        );
      },
      onLost: (silentMs) => this.#give(`it has not answered for ${Math.round(silentMs)} ms`),
    });
    this.#heartbeat = heartbeat;
  }

  /** What it answers, or why it will not. */
  async ask<M extends 'begin' | 'takeOver'>(
    method: M,
    timeoutMs: number,
  ): Promise<DaemonToCandidate[M]['result']> {
    const answer = this.peer.request(method, null, { timeoutMs }).catch((error: unknown) => {
      // Its end says more than that its link is lost.
      if (error instanceof VhostError && error.code === 'ERR_CALL_LOST') return this.failed;
      throw error;
    });
    return await Promise.race([answer, this.failed]);
  }

  /** Lets it go its own way. */
  release(): void {
    this.#heartbeat?.stop();
    this.#child.unref();
  }

  /** Stops it in order, now that it is a daemon; `now`: without draining. */
  terminate(now: boolean): void {
    this.#child.kill('SIGTERM');
    // Another signal than the first, of which a second one would be lost while that is pending.
    if (now) this.#child.kill('SIGINT');
  }

  /** Ends it, with its master. Resolves when it is dead. */
  async end(): Promise<void> {
    this.#heartbeat?.stop();
    this.#link.close();
    const kill = setTimeout(() => this.#child.kill('SIGKILL'), END_LIMIT_MS);
    await this.exited;
    clearTimeout(kill);
  }

  #give(why: string): void {
    const which = this.pid === undefined ? 'the new daemon' : `the new daemon, process ${this.pid},`;
    this.#fail(new VhostError('ERR_UPGRADE_FAILED', `${which} failed: ${why}`));
  }
}

/** How long it may take to end its master and itself, ms. */
const END_LIMIT_MS = 10_000;
