// Turns: each worker gets a connection before one gets its second.
import { Rotation } from './rotation.js';
import type { Balance, Candidate } from './candidate.js';

/** Each candidate in turn by slot, whatever its load. */
export class RoundRobin implements Balance {
  readonly sticky = false;
  readonly #rotation = new Rotation();

  sticks(): boolean {
    return false;
  }

  pick<C extends Candidate>(candidates: readonly C[]): C | undefined {
    return this.#rotation.next(candidates);
  }
}
