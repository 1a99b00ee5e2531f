// What `vhostd status --json` prints; names are part of the public interface.
import { SHOWN_SITE_STATES } from '../messages/site-states.js';
import type { SiteState } from '../messages/site-states.js';
import { SHOWN_WORKER_STATES } from '../messages/worker-states.js';
import type { WorkerState } from '../messages/worker-states.js';
import * as z from './zod.js';
import { certificateStatus, renewalStatus } from './certificates.js';
import { fleetStanding } from './fleet.js';
import { amount, count, pid } from './values.js';

/** A state of a worker: a row of {@link SHOWN_WORKER_STATES}. */
const workerState = z.enum(Object.keys(SHOWN_WORKER_STATES) as [WorkerState, ...WorkerState[]]);

/** A state of a site: a row of {@link SHOWN_SITE_STATES}. */
const siteState = z.enum(Object.keys(SHOWN_SITE_STATES) as [SiteState, ...SiteState[]]);

export const workerStatus = z.object({
  workerId: z.string(),
  /** Absent between two processes of a slot. */
  pid: pid.exactOptional(),
  slot: count,
  generation: count,
  state: workerState,
  /** Connections open now, as the worker last said. */
  connections: count,
  restarts: count,
  /** How often a process of this slot was replaced for a limit of its site: the new one before the old one left. */
  replacements: count,
  /** How long its process has lived, ms; absent without one. */
  uptimeMs: amount.exactOptional(),
  /** Resident memory, as the worker last said; absent until it has. */
  memoryBytes: count.exactOptional(),
  /** Processor time of its process, ms, as the worker last said. */
  cpuMs: amount.exactOptional(),
  /** Requests to its process, as it last said; absent where they are not counted. */
  requests: count.exactOptional(),
  /** Requests a second, and the share of one processor, between its last two heartbeats. */
  requestsPerSecond: amount.exactOptional(),
  cpuShare: amount.exactOptional(),
  /** Why it ended last, why it is not started again, or for which limit it is or was replaced. */
  reason: z.string().exactOptional(),
  /** Servers of its process that are not the site's: `http on port 9118 of 127.0.0.1`. Absent when there are none. */
  alsoListens: z.array(z.string()).exactOptional(),
});
export type WorkerStatus = z.infer<typeof workerStatus>;

export const siteStatus = z.object({
  siteId: z.string(),
  state: siteState,
  generation: count,
  /** Host patterns that lead to the site. */
  hosts: z.array(z.string()),
  workers: z.array(workerStatus),
  /** How many workers it is to have; absent from a master that does not say it. */
  slots: count.exactOptional(),
  /** How many processes wait to be one; absent where its conf wants none. */
  spares: count.exactOptional(),
  /** How long a leaving worker may finish its connections, ms; absent from a master that does not say it. */
  drainTimeoutMs: amount.exactOptional(),
  /** Connections that wait for a ready worker, or for the end of a pause. */
  parked: count,
  /** Connections between two requests that the master keeps for its workers, which stand still; absent when there are none. */
  kept: count.exactOptional(),
  /** Present while new connections are held on purpose. */
  paused: z.literal(true).exactOptional(),
  /** Present while every request is answered with a maintenance page. */
  maintenance: z.object({ message: z.string().exactOptional() }).exactOptional(),
  /** Present where it was added by an order; the conf does not have it. */
  added: z.literal(true).exactOptional(),
  /** Requests that its workers have refused since the master started, by reason: docs/refusals.md; absent when there are none. */
  refused: z.record(z.string(), count).exactOptional(),
  /** Sites that must be published before this one is started; absent when there are none. */
  waitsFor: z.array(z.string()).exactOptional(),
  /** Why the site, or its last reload, failed. */
  reason: z.string().exactOptional(),
  /** Its next time by its `cron`, and why the last one was left out; absent without. ISO 8601, UTC. */
  cron: z
    .object({
      next: z.string(),
      skipped: z.object({ time: z.string(), reason: z.string() }).exactOptional(),
    })
    .exactOptional(),
  /** What is wrong with its certificates, or will be soon; absent when nothing is. */
  certificateFaults: z.array(z.string()).exactOptional(),
  /** Present where its files are watched; `files`: how many, once they are known. */
  watch: z.object({ files: count.exactOptional() }).exactOptional(),
  /** The files that get what its workers print. */
  logs: z
    .array(z.object({ file: z.string(), streams: z.array(z.enum(['stdout', 'stderr'])) }))
    .exactOptional(),
});
export type SiteStatus = z.infer<typeof siteStatus>;

/** What the workers of a site, and all that they have started, take together, as the kernel counts it. */
export const siteUsage = z.object({
  /** Processor time since its control group was made, ms. */
  cpuMs: amount,
  /** For how long processes have waited for the next share of `limits.cpu`, in sum, ms. */
  throttledMs: amount,
  processes: count,
  /** Absent where the kernel does not count it. */
  memoryBytes: count.exactOptional(),
  /** Processes that the kernel has ended for `limits.memory`, or for want of memory. */
  oomKills: count.exactOptional(),
});
export type SiteUsage = z.infer<typeof siteUsage>;

/** All that there is to know of one site. */
export const siteDetail = siteStatus.extend({
  /** The conf in force, without secrets: `workerOptions.env` has the names of the variables. */
  conf: z.record(z.string(), z.unknown()),
  /** The certificates of its `ssl` entries; absent when its workers serve none. */
  certificates: z.array(certificateStatus).exactOptional(),
  /** Of those that vhostd keeps for it; absent where it keeps none. */
  renewals: z.array(renewalStatus).exactOptional(),
  /** Absent where it has no control group. */
  usage: siteUsage.exactOptional(),
  /** Why its `limits` do not hold here; absent where they do. */
  limitsUnheld: z.string().exactOptional(),
  /** How its workers ended lately that nobody had asked to, the latest one first; at most 20. */
  ends: z.array(z.object({ time: z.string(), workerId: z.string(), reason: z.string() })),
});
export type SiteDetail = z.infer<typeof siteDetail>;

/** Counts since the master started. */
export const masterCounts = z.object({
  /** Connections accepted by the master. */
  accepted: count,
  /** Connections that a worker took over. */
  handedOff: count,
  /** Accepted by workers themselves. */
  acceptedDirectly: count,
  /** Connections given to another worker because the first one was gone. */
  redispatched: count,
  /** Idle connections that a draining worker handed back for another one. */
  handedBack: count,
  /** Refused connections by status: 400, 408, 421, 431, 503, 505. */
  refused: z.record(z.string(), count),
  /** The same by reason: docs/refusals.md. */
  refusedReasons: z.record(z.string(), count),
  /** Messages of workers that broke the rules. */
  violations: count,
});
export type MasterCounts = z.infer<typeof masterCounts>;

/** Where metrics are, and what is wrong with that. */
export const metricsReach = z.object({
  /** Of `/metrics`, `/livez` and `/readyz`; both absent: the conf names none. */
  ipaddress: z.string().exactOptional(),
  port: count.exactOptional(),
  /** Why nothing answers there. It is tried again. */
  fault: z.string().exactOptional(),
  /** The collector that is told, and why the last message did not get there. */
  push: z.object({ endpoint: z.string(), fault: z.string().exactOptional() }).exactOptional(),
});
export type MetricsReach = z.infer<typeof metricsReach>;

export const masterStatus = z.object({
  pid,
  listeners: z.array(z.object({ address: z.string(), port: count, type: z.enum(['tcp', 'ssl']) })),
  sites: z.array(siteStatus),
  /** Transport of the handoff, whether workers can hand connections back over it, and why it is not as wished. */
  handoff: z.object({
    type: z.enum(['native', 'pipe', 'ipc']),
    handsBack: z.boolean().exactOptional(),
    reason: z.string().exactOptional(),
  }),
  counts: masterCounts,
  /** The conf file that a reload reads, absolute; absent where sites were named without one. */
  conf: z.string().exactOptional(),
  /** This machine in its fleet; absent where the conf names none. */
  fleet: fleetStanding.exactOptional(),
  /** Absent where the conf names neither an address nor a collector for them. */
  metrics: metricsReach.exactOptional(),
});
export type MasterStatus = z.infer<typeof masterStatus>;

export const daemonStatus = z.object({
  daemon: z.object({
    pid,
    version: z.string(),
    node: z.string(),
    uptimeMs: amount,
    /** Where the default logs of sites are, in `log`; absent where there is no such directory. */
    stateDir: z.string().exactOptional(),
  }),
  /** Absent while no master lives. */
  master: z.object({ pid, uptimeMs: amount, restarts: count }).exactOptional(),
  listeners: masterStatus.shape.listeners,
  sites: masterStatus.shape.sites,
  handoff: masterStatus.shape.handoff.exactOptional(),
  counts: masterCounts.exactOptional(),
  conf: masterStatus.shape.conf,
  fleet: fleetStanding.exactOptional(),
  metrics: metricsReach.exactOptional(),
});
export type DaemonStatus = z.infer<typeof daemonStatus>;
