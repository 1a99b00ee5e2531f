// What a master and the process that publishes its sites in the fleet say to each other.
import * as z from './zod.js';
import { controlRequest } from './daemon-master.js';
import { fleetFollowed, fleetState, fleetStatusOptions, fleetStore } from './fleet.js';
import type { MessageTypes } from './message-table.js';
import { count } from './values.js';

/** Where the fleet keeps what it knows, and what this machine is called there. Paths are absolute. */
export const fleetSettings = z.object({
  /** `traefik`: beside all else, in etcd too, what Traefik reads. */
  driver: z.enum(['etcd', 'traefik']),
  /** URLs of members of the store, such as `http://10.0.0.1:2379`. */
  endpoints: z.array(z.string()),
  machine: z.string(),
  /** IP address at which others reach this machine. */
  address: z.string(),
  prefix: z.string(),
  weight: count,
  /** How long what is about to stop waits for edges that have not applied it. */
  edgeTimeoutMs: count,
  user: z.string().exactOptional(),
  password: z.string().exactOptional(),
  ca: z.string().exactOptional(),
  cert: z.string().exactOptional(),
  key: z.string().exactOptional(),
  /** The path that clear listeners answer by themselves. */
  healthPath: z.string().exactOptional(),
});
export type FleetSettings = z.infer<typeof fleetSettings>;

/** What nobody is to be led to: these sites, these hosts on these ports (`*`: the default), or with neither all. */
const drained = z.object({
  siteIds: z.array(z.string()).exactOptional(),
  places: z.array(z.object({ host: z.string(), port: count })).exactOptional(),
});
export type FleetDrained = z.infer<typeof drained>;

export const masterToFleet = {
  ping: { params: z.null(), result: z.null() },
  /** Where to publish from now on, and whether an operator has taken this machine out. */
  configure: { params: z.object({ settings: fleetSettings, isOut: z.boolean() }), result: z.null() },
  /**
   * These are about to stop: nobody is to be led to them. Answered when the edges lead nobody there, with those that do
   * not at the limit of time; rejected where the store could not be told.
   */
  drain: { params: drained, result: z.object({ late: z.array(z.string()) }) },
  /** They are led to again as soon as they serve. */
  undrain: { params: drained, result: z.null() },
  /**
   * An operator takes this machine out, or brings it back. Answered when the edges lead clients so, or at the limit;
   * rejected where the store could not be told.
   */
  setOut: { params: z.object({ isOut: z.boolean(), timeoutMs: count }), result: fleetFollowed },
  /** These sites are waited for, on any machine: {@link fleetToMaster}.sites tells from now on. */
  wantSites: { params: z.object({ siteIds: z.array(z.string()) }), result: z.null() },
  /** All have stopped: nothing of this machine is to be left in the store. */
  withdraw: { params: z.null(), result: z.null() },
  /** Reads what is in the store; rejected where that does not answer. */
  look: { params: fleetStatusOptions, result: fleetStore },
  /** How far a {@link fleetToMaster}.control is. */
  controlProgress: { params: z.object({ id: count, value: z.unknown() }), result: z.null() },
};
export type MasterToFleet = MessageTypes<typeof masterToFleet>;

export const fleetToMaster = {
  /** A request of the control API. */
  control: { params: controlRequest, result: z.unknown() },
  state: { params: fleetState, result: z.null() },
  /** The sites that are waited for and are up; `error`: why that may be out of date. */
  sites: {
    params: z.object({ siteIds: z.array(z.string()), error: z.string().exactOptional() }),
    result: z.null(),
  },
};
export type FleetToMaster = MessageTypes<typeof fleetToMaster>;
