// Load on a server: what is asked for, what comes back, and what makes it.

/** A closed loop: each connection has one request under way. */
export interface Load {
  /** Asked for in turn, over all connections together. */
  hosts: readonly string[];
  connections: number;
  /** `close`: a connection of its own for each request. */
  mode: 'keep-alive' | 'close';
  /** TLS, with a whole handshake for each connection or with the session of an earlier one. Absent: in clear. */
  secure?: 'full' | 'resumed';
}

/** On one server, for some time. */
export interface LoadPlan extends Load {
  port: number;
  durationMs: number;
}

/** What came of it. */
export interface LoadResult {
  /** Answers that were whole. */
  requests: number;
  seconds: number;
  /** Answers with another status than 200 (a server answers 421 for another site's host), and broken connections. */
  errors: number;
  p50Ms: number;
  p99Ms: number;
}

/** Makes load; runs in a process of its own. */
export interface LoadGenerator {
  readonly name: string;
  run(plan: LoadPlan): Promise<LoadResult>;
}
