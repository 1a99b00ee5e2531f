// One slot that keeps one child process: spawns it, watches its limits, restarts it by policy, makes it leave.
import { EventEmitter } from 'eventemitter3';
import { Attempt } from './attempt.js';
import type { StopOutcome } from './attempt.js';
import { Backoff, resolveBackoff } from './backoff.js';
import type { ChildHandle } from './child-handle.js';
import { exitReason, isNormalEnd, isShortage, notReady, spawnFailure, toError } from './child-reason.js';
import type { ChildFault, ChildReason } from './child-reason.js';
import type { Answer, ChildState } from './child-state.js';
import { checkMs } from './option-range.js';
import { Lifecycle } from './lifecycle.js';
import { realOs } from './os.js';
import type { Os } from './os.js';
import { decideRestart, NO_RESTARTS, resolveRestartPolicy } from './restart-policy.js';
import type { RestartHistory, RestartPolicy } from './restart-policy.js';
import { resolveShutdownLimits, SHUTDOWN_LADDER } from './shutdown.js';
import type { ShutdownLimits, ShutdownRung } from './shutdown.js';
import type {
  StopOptions,
  SupervisedChildEvents,
  SupervisedChildOptions,
} from './supervised-child-options.js';

/**
 * Keeps at most one process at a time; the next is spawned only after the last was reaped. At rest (`idle`,
 * `exited`, `errored`) it holds no timer and no process.
 */
export class SupervisedChild extends EventEmitter<SupervisedChildEvents> {
  readonly name: string;
  readonly #spawnProcess: () => ChildHandle;
  readonly #os: Os;
  readonly #policy: RestartPolicy;
  readonly #backoff: Backoff;
  readonly #shutdown: ShutdownLimits;
  readonly #bootTimeoutMs: number;
  readonly #whyNotReady: (() => string) | undefined;
  readonly #excuses: ((reason: ChildReason) => boolean) | undefined;
  readonly #life: Lifecycle;

  /** Defined exactly in the states that have a process. */
  #attempt: Attempt | undefined;
  /** Its owner wants no other process after this one. */
  #unwanted = false;
  #history: RestartHistory = NO_RESTARTS;
  #reason: ChildReason | undefined;
  #restartCount = 0;

  constructor(options: SupervisedChildOptions) {
    super();
    this.name = options.name;
    this.#spawnProcess = options.spawn;
    this.#os = options.os ?? realOs;
    this.#policy = resolveRestartPolicy(options.restart);
    this.#backoff = new Backoff(resolveBackoff(options.backoff));
    this.#shutdown = resolveShutdownLimits(options.shutdown);
    this.#bootTimeoutMs = checkMs('bootTimeoutMs', options.bootTimeoutMs ?? 30_000, 1);
    this.#whyNotReady = options.whyNotReady;
    this.#excuses = options.excuses;
    this.#life = new Lifecycle(this.name, this.#os, (change) => this.emit('state', change));
  }

  get state(): ChildState {
    return this.#life.state;
  }

  /** The living process, if there is one. */
  get pid(): number | undefined {
    return this.#attempt?.handle?.pid;
  }

  /** Why the last process ended or could not be spawned; in `errored` also why no other follows. */
  get reason(): ChildReason | undefined {
    return this.#reason;
  }

  /** How often the policy has called for another process since this slot was made. */
  get restartCount(): number {
    return this.#restartCount;
  }

  /** Milliseconds since the present process was spawned; 0 without one. */
  get uptimeMs(): number {
    return this.#attempt === undefined ? 0 : this.#os.now() - this.#attempt.startedAtMs;
  }

  /** Spawns a process, without waiting out a backoff. Forgets the restarts so far: the policy counts anew. */
  start(): Answer {
    return this.#life.act(() => {
      const refusal = this.#life.request('start');
      if (refusal !== undefined) return refusal;
      this.#forgetRestarts();
      this.#spawn();
      return 'ok';
    });
  }

  /** The child accepts work: the boot limit is over. Make sure that it is the present process that says so. */
  markReady(): Answer {
    return this.#life.act(() => {
      const refusal = this.#life.request('ready');
      if (refusal !== undefined) return refusal;
      if (this.#attempt !== undefined) this.#attempt.readyAtMs = this.#os.now();
      return 'ok';
    });
  }

  /**
   * The owner declares the process broken: SIGTERM, then SIGKILL. The policy decides as after a crash. With `now`
   * a process that is being stopped already is killed as well; what was to follow its end stays as it was.
   */
  fail(message: string, { now = false }: StopOptions = {}): Answer {
    return this.#life.act(() => {
      const refusal = this.#life.request('fail');
      if (refusal === 'being-stopped' && now && this.state === 'stopping') {
        this.#shutDown(true);
        return 'ok';
      }
      if (refusal !== undefined) return refusal;
      this.#blame({ what: 'failed', message });
      if (now) this.#life.request('kill');
      this.#climb(now ? 'SIGKILL' : 'SIGTERM');
      return 'ok';
    });
  }

  /**
   * Wants no process from now on: soft stop, SIGTERM, SIGKILL, each with its limit of `shutdown`. Resolves when the
   * process was reaped, at the latest when the three limits are over. Never rejects.
   */
  stop({ now = false }: StopOptions = {}): Promise<StopOutcome> {
    const outcome = this.#attempt?.outcome() ?? Promise.resolve<StopOutcome>('no-process');
    this.#life.act(() => {
      this.#unwanted = true;
      this.#shutDown(now);
    });
    return outcome;
  }

  #spawn(): void {
    const attempt = new Attempt(this.#os.now());
    this.#attempt = attempt;
    this.#unwanted = false;
    const limitMs = this.#bootTimeoutMs;
    this.#life.limit(limitMs, false, () => {
      this.#blame({ what: 'boot-limit', message: notReady(limitMs, this.#whyNotReady?.()) });
      this.#life.happen('boot-limit');
      this.#climb('SIGTERM');
    });
    try {
      attempt.handle = this.#spawnProcess();
    } catch (error) {
      this.#end(attempt, spawnFailure(error));
      return;
    }
    this.#watch(attempt, attempt.handle);
    // stopped from within its own spawn call, when there was nothing to signal yet
    this.#climbFromState();
  }

  #watch(attempt: Attempt, handle: ChildHandle): void {
    const { pid } = handle;
    if (pid !== undefined) this.#life.tell(() => this.emit('spawned', pid));
    handle.onExit((code, signal) => {
      this.#life.act(() => this.#end(attempt, exitReason(code, signal, attempt.fault)));
    });
    handle.onError((error) => {
      this.#life.act(() => {
        if (pid === undefined) this.#end(attempt, spawnFailure(error));
        else if (this.#attempt === attempt) this.#life.tell(() => this.emit('fault', error));
      });
    });
  }

  /** The process was reaped or never began. */
  #end(attempt: Attempt, reason: ChildReason): void {
    if (this.#attempt !== attempt) return;
    this.#attempt = undefined;
    this.#reason = reason;
    this.#life.tell(() => this.emit(reason.what === 'spawn-failed' ? 'spawn-failed' : 'exit', reason));
    if (this.#unwanted) this.#life.happen('rest');
    else if (this.#isExcused(attempt, reason)) this.#respawn(0);
    else this.#applyPolicy(attempt, reason);
    attempt.settle('exited');
  }

  #applyPolicy(attempt: Attempt, reason: ChildReason): void {
    const nowMs = this.#os.now();
    const { type, intensity } = this.#policy;
    if (isShortage(reason) && type === 'permanent' && intensity > 0) {
      this.#restartCount += 1;
      return this.#respawn(this.#backoff.next(0));
    }
    const end = { wasReady: attempt.readyAtMs !== undefined, isNormal: isNormalEnd(reason) };
    const { verdict, history } = decideRestart(this.#policy, this.#history, nowMs, end);
    this.#history = history;
    if (verdict === 'respawn') {
      this.#restartCount += 1;
      this.#respawn(this.#backoff.next(attempt.readyMs(nowMs)));
      return;
    }
    this.#life.happen(verdict);
    if (verdict === 'rest') return;
    const last: ChildReason = { ...reason, message: `${reason.message}${this.#whyGivenUp(nowMs)}` };
    this.#reason = last;
    this.#life.tell(() => this.emit('errored', last));
  }

  #respawn(delayMs: number): void {
    this.#life.happen('respawn');
    this.#life.limit(delayMs, true, () => {
      this.#life.happen('retry');
      this.#spawn();
    });
  }

  #isExcused({ readyAtMs }: Attempt, reason: ChildReason): boolean {
    return reason.what === 'exit' && readyAtMs === undefined && this.#excuses?.(reason) === true;
  }

  #whyGivenUp(nowMs: number): string {
    const { type, intensity, periodMs } = this.#policy;
    if (type === 'temporary') return '';
    const slow = nowMs - (this.#history.times[0] ?? nowMs) > periodMs;
    const restarts = intensity === 1 ? '1 restart' : `${intensity} restarts`;
    return `; gave up after ${restarts} ${slow ? 'without getting ready' : `within ${periodMs / 1000} s`}`;
  }

  #blame(fault: ChildFault): void {
    if (this.#attempt !== undefined) this.#attempt.fault = fault;
  }

  #shutDown(now: boolean): void {
    const from = this.state;
    this.#life.request(now ? 'kill' : 'stop');
    if (this.state !== from) this.#climbFromState();
  }

  #climbFromState(): void {
    if (this.state === 'stopping') this.#climb('ask');
    else if (this.state === 'killing') this.#climb('SIGKILL');
  }

  #climb(rung: ShutdownRung): void {
    const attempt = this.#attempt;
    if (attempt === undefined) return;
    attempt.rungCount += 1;
    const { rungCount } = attempt;
    const done = this.#perform(rung, attempt);
    // it may have ended, or its owner may have asked for a higher rung, while it was being told
    if (this.#attempt !== attempt || attempt.rungCount !== rungCount) return;
    if (rung === 'ask' && !done) {
      this.#climb('SIGTERM');
      return;
    }
    const { limit, event, next } = SHUTDOWN_LADDER[rung];
    const isUnready = limit === 'softMs' && attempt.readyAtMs === undefined;
    this.#life.limit(this.#shutdown[isUnready ? 'unreadyMs' : limit], true, () => {
      this.#life.happen(event);
      if (event === 'reap-limit') {
        attempt.settle('stuck');
        this.#life.tell(() => this.emit('stuck', attempt.handle?.pid));
      }
      this.#climb(next);
    });
  }

  /** False if it could not be done, for instance because the process has just ended. */
  #perform(rung: ShutdownRung, { handle }: Attempt): boolean {
    try {
      if (rung !== 'ask') return handle?.kill(rung) ?? false;
      handle?.softStop?.();
      return handle?.softStop !== undefined;
    } catch (error) {
      this.#life.tell(() => this.emit('fault', toError(error)));
      return false;
    }
  }

  #forgetRestarts(): void {
    this.#history = NO_RESTARTS;
    this.#backoff.reset();
  }
}
