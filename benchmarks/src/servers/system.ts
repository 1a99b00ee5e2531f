// A system under faults: how it is installed and started, and what can be done to it while it serves.

/** What is done to a system. All but `reload` are SIGKILL. */
export type Fault =
  /** New processes take over, as the system itself does it. */
  | 'reload'
  /** One process that runs the site. */
  | 'worker'
  /** The process that keeps the others alive. */
  | 'supervisor'
  /** vhostd's daemon, which keeps the supervisor alive. */
  | 'daemon'
  /** A process in front that runs no site and holds the clients' connections. */
  | 'front';

/** A system that can be started here. */
export interface System {
  readonly name: string;
  readonly version: string;
  /** What can be done to it. */
  readonly faults: readonly Fault[];
  /** Resolves when both of its processes that run the site serve. */
  start(): Promise<RunningSystem>;
  /** Takes away what was installed. */
  remove(): Promise<void>;
}

/** A system that serves the hashing server on one port of 127.0.0.1. */
export interface RunningSystem {
  readonly port: number;
  /** Resolves when a reload is done, when the signal of a kill was sent. Only for what its system names. */
  inflict(fault: Fault): Promise<void>;
  stop(): Promise<void>;
}

/** A system that may be absent here. */
export interface SystemKind {
  readonly name: string;
  install(): Promise<System | { unavailable: string }>;
}

/** Kills a process that was found, at once. */
export function kill(pid: number | undefined): void {
  if (pid === undefined) throw new Error('there is no process to kill');
  process.kill(pid, 'SIGKILL');
}

/** How many processes run the site in each system. */
export const PROCESS_COUNT = 2;
/** The host that clients ask for. */
export const HOST = 'site.test';
