// How this worker leaves: it asks its master for another one first, takes nothing new, finishes what is open, lets the
// site close what it has, and exits.
import type { WorkerIdentity } from '@vhostd/protocol';
import { getBuiltinModule } from '@vhostd/transport';
import type { Drain } from './drain/drain.js';
import type { FittedServer } from './fitted-server.js';
import type { DirectAccept } from './intake/direct-accept.js';
import type { Intake } from './intake/intake.js';
import type { Lifecycle } from './lifecycle.js';
import type { MasterSide } from './master-side.js';
import type { SharedDatagrams } from './shared-datagrams.js';
import type { SharedPorts } from './shared-ports.js';
import type { StopSignals } from './stop-signals.js';

/** What ends with the worker. */
export interface DepartingParts {
  readonly identity: Pick<WorkerIdentity, 'drainTimeoutMs' | 'stopSignal' | 'stopTimeoutMs'>;
  readonly master: MasterSide;
  readonly direct: DirectAccept;
  readonly intake: Intake;
  readonly ports: SharedPorts;
  readonly datagrams: SharedDatagrams;
  readonly lifecycle: Lifecycle;
  signals(): StopSignals;
  /** The site's server; undefined: it has none yet. */
  server(): FittedServer | undefined;
  /** The site is told. */
  onDrain(): void;
  onError(error: Error): void;
}

export class Departure {
  /** Whether it serves, so that another worker has to come first. */
  isPublished = false;
  readonly #parts: DepartingParts;
  readonly #askedBy = new Set<'signal' | 'closed'>();
  #hasBegun = false;
  #ended: Promise<void> | undefined;
  #drain: Drain | undefined;

  constructor(parts: DepartingParts) {
    this.#parts = parts;
  }

  get hasBegun(): boolean {
    return this.#hasBegun;
  }

  /** Whether connections end. */
  get isDraining(): boolean {
    return this.#drain !== undefined;
  }

  /** Begins when another worker serves, which the master sees to; at once when told again, or when it serves nobody. */
  ask(why: 'signal' | 'closed'): void {
    const { identity, master } = this.#parts;
    const asked = this.#askedBy.has(why);
    this.#askedBy.add(why);
    if (!this.isPublished || (asked && why === 'signal')) void this.begin(identity.drainTimeoutMs);
    if (!this.#hasBegun && !asked) master.peer.notify('leaving', { why });
  }

  /** Finishes what is open, runs `stopped`, exits. The first call decides on the limit. */
  begin(limitMs: number, handBack = false): Promise<void> {
    // Said first: a drain with nothing to do closes the server before it returns.
    this.#hasBegun = true;
    this.#ended ??= this.#drainAndExit(limitMs, handBack);
    return this.#ended;
  }

  /** Nobody takes over what is idle any more: it is closed. */
  stopMoving(): void {
    this.#drain?.leave();
  }

  async #drainAndExit(limitMs: number, handBack: boolean): Promise<void> {
    const { master, direct, intake, ports, datagrams, lifecycle } = this.#parts;
    const answered = new AbortController();
    const { setTimeout: delay } = getBuiltinModule('node:timers/promises');
    const limit = delay(limitMs, undefined, { signal: answered.signal }).catch(() => undefined);
    direct.closeAll();
    intake.reportNow();
    // What is idle moves before the site hears of it and may close its server.
    this.#drain = this.#parts.server()?.drain(limitMs, handBack);
    datagrams.stop();
    const others = ports.drain(limitMs);
    this.#parts.onDrain();
    await Promise.all([this.#drain?.ended, others]);
    intake.refuse();
    // The call that led to this drain, for one.
    await Promise.race([master.peer.allAnswered(), limit]);
    // It would keep the process until then, with nothing left to do.
    answered.abort();
    try {
      await lifecycle.stop();
    } catch (error) {
      this.#parts.onError(error instanceof Error ? error : new Error(String(error)));
      process.exitCode = 1;
    }
    await this.#endApp();
    master.peer.close();
    if (process.connected) process.disconnect();
    process.exit();
  }

  /**
   * Tells the app that it is to end, if it listens for that; resolves when nothing of it is left to run, or when its time
   * is over. It may end the process itself.
   */
  async #endApp(): Promise<void> {
    const { identity, master } = this.#parts;
    const signals = this.#parts.signals();
    await new Promise<void>((resolve) => {
      signals.onAppEnd = resolve;
      if (!signals.tell(identity.stopSignal)) return resolve();
      master.unref();
      process.once('beforeExit', () => resolve());
      setTimeout(resolve, identity.stopTimeoutMs).unref();
    });
  }
}
