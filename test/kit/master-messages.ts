// What a test and the master process that it started say to each other.

/** Test → master process. */
export interface MasterOrder {
  id: number;
  /**
   * `status`, `reload`, `pause`, `resume`, `maintenance`, `block` (ms), `blockOften` (ms of each 25), `callWorker`
   * ({@link WorkerCall}), `stop`, or a command of the test's own module.
   */
  command: string;
  params: unknown;
}

/** Master process → test. */
export type MasterReport =
  | { ready: { failures: { siteId: string; error: { code: string; message: string } }[] } }
  | { event: string; data: unknown }
  | { id: number; value: unknown }
  | { id: number; error: { code: string; message: string; stack: string } };

/** The command `callWorker`: a handler that the worker's code set with `onMasterCall`. */
export interface WorkerCall {
  to: string;
  name: string;
  params?: unknown;
  timeoutMs?: number;
}

/** Commands that a test's own module adds to its master: name → what answers it. */
export type MasterCommands = Record<string, (params: unknown) => unknown>;

export function isOrder(value: unknown): value is MasterOrder {
  return typeof value === 'object' && value !== null && 'command' in value;
}

export function isReport(value: unknown): value is MasterReport {
  return typeof value === 'object' && value !== null;
}
