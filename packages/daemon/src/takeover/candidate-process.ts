// The process that is to replace this daemon: started with a link, watched, ended if it fails.
import type { ChildProcess } from 'node:child_process';
import { VhostError } from '@vhostd/protocol';
import type { CandidateReport, CandidateToDaemon, DaemonToCandidate, LaunchInfo } from '@vhostd/protocol';
import { candidateReport, candidateToDaemon, decode, decoding } from '@vhostd/protocol/schemas';
import { fromChildProcess, readIdentity, SupervisedChild, watchPeer } from '@vhostd/supervisor';
import type { ChildHandle, PeerWatch, ProcessIdentity } from '@vhostd/supervisor';
import { Deferred, forkDaemon, Peer } from '@vhostd/transport';
import type { BoundListeners } from '../listeners/bound-listeners.js';
import { sendListeners } from '../listeners/listener-transfer.js';
import type { Guard } from '../master/guard.js';

/** How it is watched. */
export interface CandidateWatch {
  heartbeat: { intervalMs: number; limitMs: number };
  onProgress(what: string): void;
}

export class CandidateProcess {
  /** Rejects when the process can no longer be the daemon: it ended, broke the rules or does not answer. */
  readonly failed: Promise<never>;
  /** Resolves when the process is dead, or was not to be had. */
  readonly exited: Promise<void>;
  readonly #launch: LaunchInfo;
  readonly #guard: Guard;
  readonly #watch: CandidateWatch;
  readonly #supervised: SupervisedChild;
  readonly #failed = new Deferred<never>();
  readonly #exited = new Deferred<void>();
  readonly #alive = new Deferred<void>();
  #child: ChildProcess | undefined;
  #peer: Peer<DaemonToCandidate, CandidateToDaemon> | undefined;
  #heartbeat: PeerWatch | undefined;

  /** Starts the process. */
  constructor(launch: LaunchInfo, guard: Guard, watch: CandidateWatch) {
    this.#launch = launch;
    this.#guard = guard;
    this.#watch = watch;
    this.failed = this.#failed.promise;
    this.exited = this.#exited.promise;
    // It may fail when nobody waits for it any more.
    this.failed.catch(() => undefined);
    this.#supervised = new SupervisedChild({
      name: 'upgrade candidate',
      spawn: () => this.#spawn(),
      // There is one try.
      restart: { intensity: 0 },
      bootTimeoutMs: launch.bootTimeoutMs,
      shutdown: { softMs: END_LIMIT_MS, termMs: 0 },
    });
    this.#supervised.on('spawn-failed', ({ error, message }) => this.#ended(error?.message ?? message));
    this.#supervised.on('exit', ({ message }) => this.#ended(`it ${message}`));
    this.#supervised.start();
  }

  get pid(): number | undefined {
    return this.#supervised.pid;
  }

  /** Gives it every socket, which waits in the kernel until it has booted. */
  sendListeners(listeners: BoundListeners): void {
    if (this.#peer !== undefined) sendListeners(this.#peer, listeners);
  }

  /** Lets it start a master. Resolves once that has loaded its sites; rejects as {@link failed}. */
  async begin(): Promise<CandidateReport> {
    await Promise.race([this.#alive.promise, this.failed]);
    return decode(candidateReport, await this.#ask('begin', LOAD_LIMIT_MS), 'begin');
  }

  /** Lets it take the run directory and accept. Rejects as {@link failed}, or with its error. */
  async takeOver(): Promise<void> {
    await this.#ask('takeOver', TAKE_LIMIT_MS);
  }

  /** Lets it go its own way. */
  release(): void {
    this.#heartbeat?.stop();
    this.#child?.unref();
  }

  /** Stops it in order, now that it is a daemon; `now`: without draining. */
  terminate(now: boolean): void {
    this.#child?.kill('SIGTERM');
    // Another signal than the first, of which a second one would be lost while that is pending.
    if (now) this.#child?.kill('SIGINT');
  }

  /** Ends it, with its master. Resolves when it is dead. */
  async end(): Promise<void> {
    this.#heartbeat?.stop();
    await this.#supervised.stop();
  }

  #spawn(): ChildHandle {
    const onViolation = (detail: string): void => this.#lost(`it broke the rules of its link: ${detail}`);
    const { runDir, bootTimeoutMs } = this.#launch;
    const { child, link } = forkDaemon(
      this.#launch,
      { role: 'candidate', runDir, daemon: self() },
      { onViolation, guardFd: this.#guard.fd },
    );
    const peer: Peer<DaemonToCandidate, CandidateToDaemon> = new Peer(link, {
      name: 'the new daemon',
      onViolation,
    });
    const progress = decoding(candidateToDaemon, 'progress', ({ what }) => {
      this.#watch.onProgress(what);
      return null;
    });
    peer.handle('progress', progress);
    peer.start();
    this.#child = child;
    this.#peer = peer;
    this.#heartbeat = watchPeer(peer, {
      bootTimeoutMs,
      ...this.#watch.heartbeat,
      onAlive: () => {
        this.#supervised.markReady();
        this.#alive.resolve();
      },
      onLost: (why) => this.#lost(why),
    });
    // It ends itself, with its master, when the link to this one ends.
    return fromChildProcess(child, { softStop: () => peer.close() });
  }

  async #ask(method: 'begin' | 'takeOver', timeoutMs: number): Promise<unknown> {
    const answer = this.#peer?.request(method, null, { timeoutMs }).catch((error: unknown) => {
      // Its end says more than that its link is lost.
      if (error instanceof VhostError && error.code === 'ERR_CALL_LOST') return this.failed;
      throw error;
    });
    return await Promise.race([answer ?? this.failed, this.failed]);
  }

  #ended(how: string): void {
    this.#lost(how);
    this.#exited.resolve();
  }

  #lost(why: string): void {
    const which =
      this.#child?.pid === undefined ? 'the new daemon' : `the new daemon, process ${this.#child.pid},`;
    this.#failed.reject(new VhostError('ERR_UPGRADE_FAILED', `${which} failed: ${why}`));
  }
}

function self(): ProcessIdentity {
  const { pid } = process;
  return readIdentity(pid) ?? { pid, startTime: '', bootId: '' };
}

/** How long it may take to end its master and itself, ms. */
const END_LIMIT_MS = 10_000;
/** Each site boots within its own limit; this one holds for all of them. */
const LOAD_LIMIT_MS = 3_600_000;
/** From the release of the run directory to the new daemon's hold on it, ms. */
const TAKE_LIMIT_MS = 30_000;
