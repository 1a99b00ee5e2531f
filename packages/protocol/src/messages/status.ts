// What `vhostd status --json` prints; names are part of the public interface.

/** A listening socket. */
export interface ListeningInfo {
  /** Type, port and address, such as `tcp_80_0.0.0.0`. */
  type_port_ip: string;
  type: 'tcp' | 'ssl';
  address: string;
  port: number;
}

export type WorkerState = 'booting' | 'ready' | 'draining' | 'stopping' | 'backoff' | 'errored' | 'exited';
/**
 * `running`: published. `waiting`: not started yet, see `waitsFor`. `booting`: no generation is published yet.
 * `sleeping`: it has no workers, its next connection starts one. `errored`: given up, see `reason`.
 */
export type SiteState =
  'waiting' | 'booting' | 'running' | 'reloading' | 'sleeping' | 'stopping' | 'stopped' | 'errored';

export interface WorkerStatus {
  workerId: string;
  /** Absent between two processes of a slot. */
  pid?: number;
  slot: number;
  generation: number;
  state: WorkerState;
  /** Connections open now, as the worker last said. */
  connections: number;
  restarts: number;
  /** How often a process of this slot was replaced for a limit of its site: the new one before the old one left. */
  replacements: number;
  /** Why it ended last, why it is not started again, or for which limit it is or was replaced. */
  reason?: string;
  /** Servers of its process that are not the site's: `http on port 9118 of 127.0.0.1`. Absent when there are none. */
  alsoListens?: string[];
}

export interface SiteStatus {
  siteId: string;
  state: SiteState;
  generation: number;
  /** Host patterns that lead to the site. */
  hosts: string[];
  workers: WorkerStatus[];
  /** Connections that wait for a ready worker, or for the end of a pause. */
  parked: number;
  /** Present while new connections are held on purpose. */
  paused?: true;
  /** Present while every request is answered with a maintenance page. */
  maintenance?: { message?: string };
  /** Sites that must be published before this one is started; absent when there are none. */
  waitsFor?: string[];
  /** Why the site, or its last reload, failed. */
  reason?: string;
}

export interface MasterStatus {
  pid: number;
  listeners: { address: string; port: number; type: 'tcp' | 'ssl' }[];
  sites: SiteStatus[];
  /** Transport of the hand-over, and why it is not the pipe. */
  handoff: { type: 'pipe' | 'ipc'; reason?: string };
  /** Counts since the master started. */
  counts: MasterCounts;
}

export interface MasterCounts {
  /** Connections accepted by the master. */
  accepted: number;
  /** Connections that a worker took over. */
  handedOff: number;
  /** Connections given to another worker because the first one was gone. */
  handedOffAgain: number;
  /** Idle connections that a draining worker handed back for another one. */
  handedBack: number;
  /** Refused connections by status: 400, 408, 421, 431, 503, 505. */
  refused: Record<string, number>;
  /** The same by reason: docs/refusals.md. */
  refusedReasons: Record<string, number>;
  /** Messages of workers that broke the rules. */
  violations: number;
}

export interface DaemonStatus {
  daemon: { pid: number; version: string; node: string; uptimeMs: number };
  /** Absent while no master lives. */
  master?: { pid: number; uptimeMs: number; restarts: number };
  listeners: MasterStatus['listeners'];
  sites: SiteStatus[];
  handoff?: MasterStatus['handoff'];
  counts?: MasterCounts;
}
