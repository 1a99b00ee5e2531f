// What a balance chooses among, and what it must be able to do.

/** A ready worker, as far as choosing is concerned. */
export interface Candidate {
  /** Unique among the candidates. */
  readonly id: string;
  /** Stable index of the worker within its site; survives the worker, unlike its id. */
  readonly slot: number;
  /** Connections that it holds or has been given. */
  readonly connectionCount: number;
}

/** Chooses the worker for a connection. One instance serves one site; it may keep state between picks. */
export interface Balance {
  /**
   * One of the candidates, undefined only when there are none. The order of the candidates does not matter.
   * `remoteAddress` is the client's IP address as net.Socket gives it; empty when it is unknown.
   */
  pick<C extends Candidate>(candidates: readonly C[], remoteAddress: string): C | undefined;
}

/**
 * A total order by slot, then id: two generations of one slot may both be ready for a moment. Negative when
 * `a` comes first.
 */
export function compareCandidates(a: Turn, b: Turn): number {
  if (a.slot !== b.slot) return a.slot - b.slot;
  if (a.id === b.id) return 0;
  return a.id < b.id ? -1 : 1;
}

/** The place of a candidate in that order. */
export type Turn = Pick<Candidate, 'slot' | 'id'>;
