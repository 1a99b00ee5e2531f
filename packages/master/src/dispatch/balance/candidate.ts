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

/** What is known of a connection, as far as choosing is concerned. */
export interface Client {
  /** Its IP address as net.Socket gives it; empty when it is unknown. */
  readonly address: string;
  /** What was read from it, as latin1 text; empty between two requests. */
  readonly head: string;
  /** The slot of the worker that had it before, if one had. */
  readonly slot?: number | undefined;
}

/** Chooses the worker for a connection. One instance serves one site; it may keep state between picks. */
export interface Balance {
  /** Whether connections may belong to one worker. */
  readonly sticky: boolean;
  /** Whether this connection does, and waits for that one. */
  sticks(client: Client): boolean;
  /** One of the candidates, undefined only when there are none. The order of the candidates does not matter. */
  pick<C extends Candidate>(candidates: readonly C[], client: Client): C | undefined;
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
