// Starts a daemon in the place of one that died, again and again until one lives.
import type { ChildProcess } from 'node:child_process';
import { forkDaemon } from '@vhostd/transport';
import type { LaunchInfo, OrphanedMaster } from '@vhostd/protocol';
import type { Link } from '@vhostd/transport';
import { Backoff, readIdentity, resolveBackoff } from '@vhostd/supervisor';

/** What {@link Successors} needs and tells. */
export interface SuccessorsHost {
  /** How many masters there were before this one. */
  restarts(): number;
  /** A process was started; the link to it is to be served at once. */
  onStarted(link: Link, pid: number | undefined): void;
  /** It ended, or never came up; another follows after `delayMs`. */
  onFailed(why: string, delayMs: number): void;
}

/** One process that is to be the daemon. */
interface Attempt {
  child: ChildProcess;
  link: Link;
  /** Its limit at this moment: to come up, to end, or to be read to its end. */
  timer: NodeJS.Timeout;
  /** When it first gave a sign of life; undefined until then. */
  aliveAtMs: number | undefined;
  /** Why it is killed, if it is. */
  fault: string | undefined;
  /** How it ended. */
  exited: string | undefined;
  /** Its link has ended: what is to follow. */
  lost: LaunchInfo | undefined;
}

export class Successors {
  readonly #host: SuccessorsHost;
  readonly #backoff = new Backoff(
    resolveBackoff({ baseMs: 1, factor: 5, capMs: 5_000, resetAfterMs: 10_000 }),
  );
  #attempt: Attempt | undefined;
  #next: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(host: SuccessorsHost) {
    this.#host = host;
  }

  /** The link to the daemon has ended. One that was started here is followed when it is dead. */
  begin(launch: LaunchInfo): void {
    if (this.#stopped || this.#next !== undefined) return;
    const attempt = this.#attempt;
    if (attempt === undefined) return this.#start(launch);
    attempt.lost = launch;
    if (attempt.exited !== undefined) return this.#follow(attempt);
    clearTimeout(attempt.timer);
    attempt.timer = setTimeout(() => this.#kill(attempt, 'it closed its link and lived on'), LINGER_LIMIT_MS);
  }

  /** The daemon gave a sign of life. */
  alive(): void {
    const attempt = this.#attempt;
    if (attempt === undefined || attempt.aliveAtMs !== undefined) return;
    attempt.aliveAtMs = performance.now();
    clearTimeout(attempt.timer);
  }

  /** None is started from now on. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#next);
    if (this.#attempt !== undefined) clearTimeout(this.#attempt.timer);
  }

  #start(launch: LaunchInfo): void {
    this.#next = undefined;
    const { bootTimeoutMs, runDir } = launch;
    let started: ReturnType<typeof forkDaemon>;
    try {
      started = forkDaemon(launch, { role: 'respawned', runDir, master: this.#self() }, (detail) =>
        this.#kill(attempt, `it broke the rules of its channel: ${detail}`),
      );
    } catch (error) {
      return this.#later(launch, 0, String(error));
    }
    const { child, link } = started;
    const attempt: Attempt = {
      child,
      link,
      timer: setTimeout(
        () => this.#kill(attempt, `no sign of life within ${bootTimeoutMs} ms`),
        bootTimeoutMs,
      ),
      aliveAtMs: undefined,
      fault: undefined,
      exited: undefined,
      lost: undefined,
    };
    this.#attempt = attempt;
    child.once('exit', (code, signal) => {
      this.#ended(attempt, signal === null ? `exited with code ${code}` : `was ended by ${signal}`);
    });
    if (child.pid === undefined) child.once('error', (error) => this.#ended(attempt, error.message));
    this.#host.onStarted(link, child.pid);
  }

  #ended(attempt: Attempt, how: string): void {
    attempt.exited = how;
    clearTimeout(attempt.timer);
    if (attempt.lost !== undefined) return this.#follow(attempt);
    // What it said last is still to be read; somebody else may have its end of the link.
    attempt.timer = setTimeout(() => attempt.link.close(), LAST_WORD_LIMIT_MS);
  }

  #follow(attempt: Attempt): void {
    const { aliveAtMs, fault, exited = 'ended', lost } = attempt;
    clearTimeout(attempt.timer);
    this.#attempt = undefined;
    if (lost === undefined) return;
    const livedMs = aliveAtMs === undefined ? 0 : performance.now() - aliveAtMs;
    this.#later(lost, livedMs, fault === undefined ? exited : `${fault}; ${exited}`);
  }

  #later(launch: LaunchInfo, livedMs: number, why: string): void {
    if (this.#stopped) return;
    const delayMs = this.#backoff.next(livedMs);
    this.#host.onFailed(why, delayMs);
    this.#next = setTimeout(() => this.#start(launch), delayMs);
  }

  #kill(attempt: Attempt, why: string): void {
    attempt.fault ??= why;
    attempt.child.kill('SIGKILL');
  }

  #self(): OrphanedMaster {
    const { pid } = process;
    return {
      ...(readIdentity(pid) ?? { pid, startTime: '', bootId: '' }),
      uptimeMs: Math.round(process.uptime() * 1000),
      restarts: this.#host.restarts(),
    };
  }
}

/** How long a daemon may live without its link, ms. */
const LINGER_LIMIT_MS = 5_000;
/** How long the link of one that has ended may stay open, ms. */
const LAST_WORD_LIMIT_MS = 1_000;
