// Rendezvous hashing by slot: who gets what belongs together.
import { compareCandidates } from './candidate.js';
import type { Candidate } from './candidate.js';

/**
 * Every slot gets a score from the key, the highest wins. A slot that leaves moves only its own keys; one that joins
 * takes 1/n of the others', and nobody else moves. It depends on nothing but the key and the slots, so it is the same in
 * the next master.
 */
export function rendezvous<C extends Candidate>(candidates: readonly C[], key: string): C | undefined {
  const hash = fnv1a(key);
  let best: C | undefined;
  let bestScore = -1;
  for (const candidate of candidates) {
    const score = mix(hash ^ mix(candidate.slot + 1));
    const isTie = score === bestScore && best !== undefined && compareCandidates(candidate, best) < 0;
    if (score > bestScore || isTie) {
      best = candidate;
      bestScore = score;
    }
  }
  return best;
}

/** FNV-1a, 32 bits, over ASCII text. */
function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  }
  return hash;
}

/** Spreads 32 bits over 32 bits, one to one: the constants of MurmurHash3's finalizer. Unsigned. */
function mix(value: number): number {
  let bits = value;
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return (bits ^ (bits >>> 16)) >>> 0;
}
