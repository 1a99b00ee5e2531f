// A call between the code of the processes' users.

export interface Call {
  name: string;
  params?: unknown;
  /** How long the caller waits, ms. */
  timeoutMs?: number;
  /** Who calls: `daemon`, `master` or a worker's id. Filled in by whoever passes it on. */
  from?: string;
  /** The worker that is called, where it passes through the master. */
  workerId?: string;
  /** Bytes already read from the socket that comes along, latin1; present when there is a socket. */
  socketHead?: string;
}
