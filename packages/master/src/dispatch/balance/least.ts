// Even load: the worker with the fewest connections.
import { Rotation } from './rotation.js';
import type { Balance, Candidate } from './candidate.js';

/** Fewest connections; those that are equal take turns. */
export class Least implements Balance {
  readonly sticky = false;
  readonly #rotation = new Rotation();

  sticks(): boolean {
    return false;
  }

  pick<C extends Candidate>(candidates: readonly C[]): C | undefined {
    let fewest = Infinity;
    for (const candidate of candidates) fewest = Math.min(fewest, candidate.connectionCount);
    return this.#rotation.next(candidates.filter((candidate) => candidate.connectionCount === fewest));
  }
}
