// What daemon and master say to each other.
import type { WireError } from '../errors.js';
import type {
  MaintenanceOptions,
  MaintenanceResult,
  PauseOptions,
  PauseResult,
  ResumeResult,
} from './site-orders.js';
import type { LaunchInfo, TransferredListener } from './takeover.js';
import type { MasterStatus } from './status.js';

/** Master → daemon. */
export type MasterToDaemon = {
  /**
   * A bound socket for an address, which travels along with the answer; the same address gives the same
   * socket. Port 0 asks for one that the kernel chooses; `key` names it from then on.
   */
  acquireListener: { params: ListenAddress; result: AcquiredListener };
  /** The master no longer listens there. */
  releaseListener: { params: { key: string }; result: null };
  /**
   * Every site has been published, or has failed; once more, without failures, when the last one that had failed is
   * published. A notice.
   */
  loaded: { params: { failures: { siteId: string; error: WireError }[] }; result: null };
  /** A worker was forked. Should it outlive this master by more than `limitMs`, the daemon kills it. A notice. */
  workerForked: { params: { pid: number; limitMs: number }; result: null };
  /** A worker has ended. A notice. */
  workerEnded: { params: { pid: number }; result: null };
  /** A call of the master's or a worker's own code to handlers of the daemon's own code. */
  call: { params: Call; result: unknown };
  /** Keeps a value for the master after this one, under a key; null removes it. A notification. */
  saveState: { params: { key: string; value: unknown }; result: null };
  /** What a master before this one has saved under a key, or null. */
  loadState: { params: { key: string }; result: unknown };
  /** To a daemon that the master has started: a socket of the dead one's, which travels along. */
  transferListener: { params: TransferredListener; result: null };
  /** The master will go away now and the daemon must not start another: the conf can't be had. A notice. */
  fatal: { params: { error: WireError; exitCode: number }; result: null };
};

/** Daemon → master. */
export type DaemonToMaster = {
  status: { params: null; result: MasterStatus };
  /** Reloads one site, or all; resolves once the new generation is published. */
  reload: { params: { siteId?: string }; result: ReloadResult };
  /** The master leaves; answered at once. */
  stop: { params: { mode: StopMode }; result: null };
  pauseSite: { params: { siteId: string } & PauseOptions; result: PauseResult };
  resumeSite: { params: { siteId: string }; result: ResumeResult };
  /** Begins a site's maintenance, or ends it where `options` is null. */
  maintenance: { params: { siteId: string; options: MaintenanceOptions | null }; result: MaintenanceResult };
  ping: { params: null; result: null };
  call: { params: Call; result: unknown };
  /**
   * How the master starts another daemon when this one dies. Without it the master stops then. A notice, sent right
   * behind the fork: it waits in the kernel for a master that has not booted when its daemon dies. `restarts`: how
   * many masters there were before.
   */
  allowRespawn: { params: LaunchInfo & { restarts: number }; result: null };
  /** A bound socket, which travels along: what the master listens on if its daemon is dead by then. */
  transferListener: { params: TransferredListener; result: null };
  /** Opens no listener until `accept`: another master serves. A notice, sent right behind the fork. */
  hold: { params: null; result: null };
  /** Answered once every listener accepts. */
  accept: { params: null; result: null };
  /** The daemon leaves in order and none follows it: once the link ends, the master stops. A notification. */
  forbidRespawn: { params: null; result: null };
};

/**
 * How a master leaves. `drain`: every site finishes what it has. `now`: without draining. `yield`: as `drain`, and at
 * once it closes its listeners, which another master has.
 */
export type StopMode = 'drain' | 'now' | 'yield';

/** Where to listen; no `ipaddress` means every address of the machine. */
export interface ListenAddress {
  ipaddress?: string;
  port: number;
}

/** A bound socket of the daemon's. */
export interface AcquiredListener {
  key: string;
  address: string;
  port: number;
}

/** What became of a reload. */
export interface ReloadResult {
  sites: { siteId: string; generation: number; ok: boolean; error?: WireError }[];
}

/** A call between the code of the processes' users. */
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
