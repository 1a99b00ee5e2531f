// Holds a slot's state: applies the table, owns the one timer of the present state, tells of each step in order.
import { VhostError } from '@vhostd/protocol';
import { isChildState, NEXT } from './child-state.js';
import type { ChildEvent, ChildFact, ChildRequest, ChildState, Refusal } from './child-state.js';
import type { Os, OsTimer } from './os.js';

/** One step through the table `NEXT`; `from` and `to` may be the same state. */
export interface StateChange {
  readonly from: ChildState;
  readonly event: ChildEvent;
  readonly to: ChildState;
}

/**
 * The state of one slot. All work on it runs inside {@link Lifecycle.act}; what is told meanwhile is told when the
 * outermost act is over, so that a listener finds the slot settled and may ask for more.
 */
export class Lifecycle {
  readonly #name: string;
  readonly #os: Os;
  readonly #onChange: (change: StateChange) => void;
  #state: ChildState = 'idle';
  /** The limit of the present state; it never outlives the state. */
  #timer: OsTimer | undefined;
  #depth = 0;
  #telling = false;
  readonly #outbox: (() => void)[] = [];

  constructor(name: string, os: Os, onChange: (change: StateChange) => void) {
    this.#name = name;
    this.#os = os;
    this.#onChange = onChange;
  }

  get state(): ChildState {
    return this.#state;
  }

  /** Runs `work`, and after the outermost one tells what has happened. */
  act<T>(work: () => T): T {
    this.#depth += 1;
    try {
      return work();
    } finally {
      this.#depth -= 1;
      if (this.#depth === 0) this.#flush();
    }
  }

  /** Takes the step that was asked for, or says why not. */
  request(event: ChildRequest): Refusal | undefined {
    const step = NEXT[this.#state][event];
    if (step === 'illegal') throw this.#illegal(event);
    if (!isChildState(step)) return step;
    this.#transition(event, step);
    return undefined;
  }

  /** Takes the step for what happened. Throws `ERR_CHILD_EVENT` if it can't happen now: a fault of this package. */
  happen(event: ChildFact): void {
    const step = NEXT[this.#state][event];
    if (!isChildState(step)) throw this.#illegal(event);
    this.#transition(event, step);
  }

  /** Sets the present state's limit in place of the one before; `ref` as in `Os.setTimer`. */
  limit(delayMs: number, ref: boolean, onLimit: () => void): void {
    this.#timer?.cancel();
    this.#timer = this.#os.setTimer(
      () => {
        this.#timer = undefined;
        this.act(onLimit);
      },
      delayMs,
      { ref },
    );
  }

  /** Tells of something when the outermost act is over, in order. */
  tell(emit: () => void): void {
    this.#outbox.push(emit);
  }

  /** The only place that assigns the state. */
  #transition(event: ChildEvent, to: ChildState): void {
    const change: StateChange = { from: this.#state, event, to };
    this.#state = to;
    if (change.from !== to) {
      this.#timer?.cancel();
      this.#timer = undefined;
    }
    this.tell(() => this.#onChange(change));
  }

  /** A listener that asks for more adds to the outbox that is being emptied; one that throws stops nobody else. */
  #flush(): void {
    if (this.#telling) return;
    this.#telling = true;
    for (let emit = this.#outbox.shift(); emit !== undefined; emit = this.#outbox.shift()) {
      try {
        emit();
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
    this.#telling = false;
  }

  #illegal(event: ChildEvent): VhostError {
    return new VhostError('ERR_CHILD_EVENT', `${this.#name}: '${event}' cannot happen in '${this.#state}'`, {
      info: { name: this.#name, event, state: this.#state },
    });
  }
}
