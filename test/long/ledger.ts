// What was done to vhostd and what its clients lost, each with its time: a loss is explained by a fault that may cost
// just that, at that moment, by what docs/survival.md says. All others are faults of vhostd.
import type { Attempt } from '../kit/load.js';

/** Something that was done to it. */
export interface Fault {
  what: string;
  /** The site whose clients may notice; absent: all. */
  siteId?: string;
  fromMs: number;
  /** Absent: it goes on. */
  untilMs?: number;
}

export type LossKind = 'refused' | 'reset' | 'closed' | 'unavailable' | 'timeout' | 'wrong';

/** Something that a client did not get. */
export interface Loss {
  kind: LossKind;
  siteId: string;
  /** How the client was connected. */
  way: string;
  /** It was the first request of its connection: the master may have had it. */
  first: boolean;
  /** How long nothing had been sent on it before; it was there until then. */
  idleMs?: number;
  /** For how long this process was kept from running of late: so much later it may have noticed. */
  lagMs: number;
  fromMs: number;
  untilMs: number;
  detail: string;
}

export class Ledger {
  readonly #faults: Fault[] = [];
  readonly #losses: Loss[] = [];
  readonly #lag = new Lag();
  /** When each connection had its last answer. */
  readonly #answeredMs = new Map<string, number>();

  /** Notes a fault that begins now; the returned function ends it. */
  begin(what: string, siteId?: string): () => void {
    const fault: Fault = { what, fromMs: performance.now(), ...(siteId === undefined ? {} : { siteId }) };
    this.#faults.push(fault);
    return () => {
      fault.untilMs = performance.now();
    };
  }

  lose(loss: Omit<Loss, 'lagMs'>): void {
    this.#losses.push({ ...loss, lagMs: this.#lag.recentMs });
  }

  /** Notes a failure that is told in words. */
  fail(loss: Omit<Loss, 'kind' | 'untilMs' | 'lagMs'>): void {
    this.lose({ ...loss, kind: kindOf(loss.detail), untilMs: performance.now() });
  }

  /** For the loads of the kit. */
  attempted(siteId: string, way: string, attempt: Attempt): void {
    const { outcome, url, connection, startedMs } = attempt;
    if (outcome === 'ok') {
      this.#answeredMs.set(connection, performance.now());
      return;
    }
    const answeredMs = this.#answeredMs.get(connection);
    this.#answeredMs.delete(connection);
    this.fail({
      siteId,
      way,
      first: url === connection,
      fromMs: startedMs,
      ...(answeredMs === undefined ? {} : { idleMs: startedMs - answeredMs }),
      detail: `${outcome}, asked for ${url}`,
    });
  }

  /** Those that no fault explains. */
  unexplained(): string[] {
    return this.#losses
      .filter((loss) => !this.#isExplained(loss))
      .slice(0, SHOWN_MAX_COUNT)
      .map((loss) => `${describe(loss)}; ${this.#around(loss)}`);
  }

  /** How often each fault was done, and how many losses of each kind there were. */
  toString(): string {
    const faults = tally(this.#faults.map(({ what }) => what));
    const losses = tally(this.#losses.map(({ kind, way }) => `${kind} (${way})`));
    return `faults: ${faults}; lost: ${losses || 'nothing'}`;
  }

  #isExplained(loss: Loss): boolean {
    return EXPLANATIONS.some(
      (row) =>
        row.kinds.includes(loss.kind) &&
        (row.firstOnly !== true || loss.first) &&
        (row.idleMinMs === undefined || (loss.idleMs ?? 0) + loss.lagMs >= row.idleMinMs) &&
        this.#faults.some((fault) => row.faults.includes(fault.what) && meets(fault, loss, row.afterMs)) &&
        (row.during === undefined ||
          this.#faults.some((fault) => row.during?.includes(fault.what) && meets(fault, loss, MOVES_MS))),
    );
  }

  #around(loss: Loss): string {
    const near = this.#faults.filter((fault) => meets({ ...fault, siteId: loss.siteId }, loss, 10_000));
    return near
      .map(({ what, siteId, fromMs, untilMs }) => {
        const until = untilMs === undefined ? '' : ` to ${seconds(untilMs)}`;
        return `${what}${siteId === undefined ? '' : ` ${siteId}`} at ${seconds(fromMs)}${until}`;
      })
      .join(', ');
  }
}

/** What may cost what: the promises of docs/survival.md, read the other way round. */
interface Explanation {
  kinds: readonly LossKind[];
  faults: readonly string[];
  /** Only a connection that no worker has confirmed yet. */
  firstOnly?: boolean;
  /** Only a connection that was idle for so long. */
  idleMinMs?: number;
  /** Only while connections move between workers. */
  during?: readonly string[];
  /** For how long behind the fault. */
  afterMs: number;
}

/** So long workers drain behind a reload: their limit, and some time to notice. */
const MOVES_MS = 25_000;

const EXPLANATIONS: readonly Explanation[] = [
  // Its connections, with the requests in work on them.
  { kinds: ['reset', 'closed'], faults: ['kill worker'], afterMs: 2000 },
  // What is in its hands.
  { kinds: ['reset'], faults: ['kill master'], firstOnly: true, afterMs: 2000 },
  // Workers leave: who asks nothing for a second can't be told by an answer.
  {
    kinds: ['reset', 'closed'],
    faults: ['kill master', 'upgrade', 'reload', 'scale'],
    idleMinMs: 900,
    afterMs: MOVES_MS,
  },
  { kinds: ['reset', 'closed'], faults: ['kill master'], during: ['reload', 'scale'], afterMs: 2000 },
  // It was told to hold them no longer than that.
  { kinds: ['unavailable'], faults: ['short pause'], afterMs: 1000 },
];

/** How long this process was kept from running: on a busy machine clients notice late what has happened. */
class Lag {
  #delays: { atMs: number; delayMs: number }[] = [];
  #lastMs: number = performance.now();

  constructor() {
    setInterval(() => {
      const nowMs = performance.now();
      this.#delays.push({ atMs: nowMs, delayMs: nowMs - this.#lastMs - LAG_STEP_MS });
      this.#delays = this.#delays.filter(({ atMs }) => nowMs - atMs < LAG_KEPT_MS);
      this.#lastMs = nowMs;
    }, LAG_STEP_MS).unref();
  }

  /** In the last seconds, all together: one delay may have followed the other. */
  get recentMs(): number {
    return this.#delays.reduce((sum, { delayMs }) => sum + Math.max(0, delayMs), 0);
  }
}

const LAG_STEP_MS = 100;
const LAG_KEPT_MS = 10_000;
const SHOWN_MAX_COUNT = 40;

function meets(fault: Fault, loss: Loss, afterMs: number): boolean {
  if (fault.siteId !== undefined && fault.siteId !== loss.siteId) return false;
  const { fromMs, untilMs, idleMs = 0, lagMs } = loss;
  return untilMs >= fault.fromMs && fromMs - idleMs - lagMs <= (fault.untilMs ?? Infinity) + afterMs;
}

function kindOf(outcome: string): LossKind {
  if (/ECONNREFUSED/.test(outcome)) return 'refused';
  // An alert is what TLS has for it.
  if (/status 503|alert.internal.error/i.test(outcome)) return 'unavailable';
  if (/WrongAnswer|no answer|is no echo|is not|other body/.test(outcome)) return 'wrong';
  return /timeout/.test(outcome) ? 'timeout' : 'reset';
}

function describe({ kind, siteId, way, first, idleMs, lagMs, fromMs, untilMs, detail }: Loss): string {
  const idle = idleMs === undefined ? '' : `, idle for ${Math.round(idleMs)} ms`;
  const late = lagMs < 1000 ? '' : `, clients ${Math.round(lagMs)} ms late`;
  const which = first ? ', its first request' : idle;
  return `${kind} at ${siteId} (${way}${which}${late}) ${seconds(fromMs)} to ${seconds(untilMs)}: ${detail}`;
}

function seconds(atMs: number): string {
  return `${(atMs / 1000).toFixed(3)} s`;
}

function tally(names: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts].map(([name, count]) => `${count} ${name}`).join(', ');
}
