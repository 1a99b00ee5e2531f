// The process that is to replace this daemon: started with a link, watched, ended if it fails.
import type { ChildProcess } from 'node:child_process';
import { VhostError } from '@vhostd/protocol';
import { candidateToDaemon, decoding } from '@vhostd/protocol/schemas';
import { Deferred, forkDaemon, Peer } from '@vhostd/transport';
import type { LaunchInfo, DaemonToCandidate, CandidateToDaemon } from '@vhostd/protocol';
import { readIdentity, watchPeer } from '@vhostd/supervisor';
import type { PeerWatch, ProcessIdentity } from '@vhostd/supervisor';

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
  readonly #watch: CandidateWatch;
  readonly #failed = new Deferred<never>();
  #heartbeat: PeerWatch | undefined;

  /** @throws {VhostError} ERR_NODE_INTERNALS, or the system's error. */
  constructor(launch: LaunchInfo, watch: CandidateWatch) {
    this.#watch = watch;
    this.failed = this.#failed.promise;
    // It may fail when nobody waits for it any more.
    this.failed.catch(() => undefined);
    const onViolation = (detail: string): void => this.#give(`it broke the rules of its link: ${detail}`);
    const { child, link } = forkDaemon(
      launch,
      { role: 'candidate', runDir: launch.runDir, daemon: self() },
      onViolation,
    );
    this.#child = child;
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
    this.peer = new Peer(link, { name: 'the new daemon', onViolation });
    const progress = decoding(candidateToDaemon, 'progress', ({ what }) => {
      watch.onProgress(what);
      return null;
    });
    this.peer.handle('progress', progress);
    this.peer.start();
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Resolves once it has answered for the first time; from then on it is watched. Rejects as {@link failed}. */
  async alive(timeoutMs: number): Promise<void> {
    const alive = new Deferred<void>();
    this.#heartbeat = watchPeer(this.peer, {
      bootTimeoutMs: timeoutMs,
      ...this.#watch.heartbeat,
      onAlive: () => alive.resolve(),
      onLost: (why) => this.#give(why),
    });
    await Promise.race([alive.promise, this.failed]);
  }

  /** What it answers, or why it will not. */
  async ask(method: 'begin' | 'takeOver', timeoutMs: number): Promise<unknown> {
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
    this.peer.close();
    const kill = setTimeout(() => this.#child.kill('SIGKILL'), END_LIMIT_MS);
    await this.exited;
    clearTimeout(kill);
  }

  #give(why: string): void {
    const which = this.pid === undefined ? 'the new daemon' : `the new daemon, process ${this.pid},`;
    this.#failed.reject(new VhostError('ERR_UPGRADE_FAILED', `${which} failed: ${why}`));
  }
}

function self(): ProcessIdentity {
  const { pid } = process;
  return readIdentity(pid) ?? { pid, startTime: '', bootId: '' };
}

/** How long it may take to end its master and itself, ms. */
const END_LIMIT_MS = 10_000;
