// Whose turn it is: goes round candidates that may come, go or be reordered between two picks.
import { compareCandidates } from './candidate.js';
import type { Candidate, Turn } from './candidate.js';

/**
 * Remembers who was picked last, not at which index, so that a worker leaving or joining makes nobody be
 * skipped or served twice in a row.
 */
export class Rotation {
  #last: Turn | undefined = undefined;

  /** The one that follows the last pick by slot and id, beginning anew after the highest. */
  next<C extends Candidate>(candidates: readonly C[]): C | undefined {
    let first: C | undefined;
    let following: C | undefined;
    for (const candidate of candidates) {
      if (first === undefined || compareCandidates(candidate, first) < 0) first = candidate;
      if (this.#last !== undefined && compareCandidates(candidate, this.#last) <= 0) continue;
      if (following === undefined || compareCandidates(candidate, following) < 0) following = candidate;
    }
    const chosen = following ?? first;
    if (chosen !== undefined) this.#last = { slot: chosen.slot, id: chosen.id };
    return chosen;
  }
}
