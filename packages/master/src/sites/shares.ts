// How many connections each of several workers may have that accept from one queue: whoever wakes first would take most.
// One that has its share rests until the others have caught up, or for a turn, should they be busy with something else.

/** A worker that accepts. */
export interface Sharer {
  readonly connectionCount: number;
  acceptUpTo(count: number | undefined): void;
}

interface Rest {
  readonly isFull: boolean;
  readonly untilMs: number;
}

export class Shares<W extends Sharer> {
  readonly #onChange: () => void;
  readonly #rests = new Map<W, Rest>();
  /** How often one has rested for a whole turn, and the others did not catch up. */
  readonly #turns = new Map<W, number>();
  /** What each was told last. */
  readonly #told = new Map<W, number | undefined>();
  #share: number | undefined;
  #timer: NodeJS.Timeout | undefined;

  /** `onChange` is called when one that rests may go on. */
  constructor(onChange: () => void) {
    this.#onChange = onChange;
  }

  /** The connections of these may have changed: tells those whose share has, and ends rests. */
  look(workers: readonly W[]): void {
    const total = workers.reduce((sum, { connectionCount }) => sum + connectionCount, 0);
    const slack = Math.max(SLACK_MIN_COUNT, Math.ceil(SLACK_TOTAL_COUNT / workers.length));
    this.#share = workers.length < 2 ? undefined : Math.floor((total / workers.length) * SHARE) + slack;
    const nowMs = performance.now();
    for (const worker of this.#rests.keys()) if (!workers.includes(worker)) this.#rests.delete(worker);
    for (const worker of workers) {
      const rest = this.#rests.get(worker);
      const hasRoom = rest?.isFull === false && worker.connectionCount < (this.#share ?? Infinity);
      if (rest !== undefined && (hasRoom || nowMs >= rest.untilMs)) this.#end(worker, hasRoom);
      if (this.#told.has(worker) && this.#isStale(worker, this.#told.get(worker)))
        worker.acceptUpTo(this.tell(worker));
    }
    this.#wake(nowMs);
  }

  /** Why a worker rests; undefined: it does not. */
  rests(worker: W): 'share' | 'full' | undefined {
    const rest = this.#rests.get(worker);
    return rest && (rest.isFull ? 'full' : 'share');
  }

  /** A worker rests. */
  rest(worker: W, isFull: boolean): void {
    this.#told.delete(worker);
    this.#rests.set(worker, { isFull, untilMs: performance.now() + (isFull ? FULL_MS : TURN_MS) });
  }

  /**
   * With how many connections a worker has its share, of which it is told. One that has rested for a turn gets a little
   * more, and twice as much behind each turn in which the others did not catch up: they are busy.
   */
  tell(worker: W): number | undefined {
    const share = this.#shareOf(worker);
    this.#told.set(worker, share);
    return share;
  }

  delete(worker: W): void {
    this.#rests.delete(worker);
    this.#told.delete(worker);
    this.#turns.delete(worker);
  }

  #end(worker: W, hasRoom: boolean): void {
    this.#rests.delete(worker);
    if (hasRoom) this.#turns.delete(worker);
    else this.#turns.set(worker, Math.min(TURNS_MAX_COUNT, (this.#turns.get(worker) ?? 0) + 1));
  }

  /** A share that has become larger is told when it is reached; one that was far too large is told at once. */
  #isStale(worker: W, told: number | undefined): boolean {
    const share = this.#shareOf(worker);
    if (share === undefined || told === undefined) return share !== told;
    return told > 2 * share;
  }

  #shareOf(worker: W): number | undefined {
    if (this.#share === undefined) return undefined;
    const turns = this.#turns.get(worker) ?? 0;
    return Math.max(this.#share, turns === 0 ? 0 : worker.connectionCount + 2 ** turns);
  }

  #wake(nowMs: number): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#rests.size === 0) return;
    const untilMs = Math.min(...Array.from(this.#rests.values(), (rest) => rest.untilMs));
    this.#timer = setTimeout(this.#onChange, Math.max(1, untilMs - nowMs));
    this.#timer.unref();
  }
}

/** Of the mean, what one may have. */
const SHARE = 1.25;
/** What all may have beside that, together: with few connections resting costs more than it evens out. */
const SLACK_TOTAL_COUNT = 16;
const SLACK_MIN_COUNT = 2;
/** How long one that has its share rests at most, ms. */
const TURN_MS = 50;
const TURNS_MAX_COUNT = 16;
/** How long one that is full rests, ms. */
const FULL_MS = 100;
