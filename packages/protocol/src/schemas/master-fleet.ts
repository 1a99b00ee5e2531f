// What a master and the process that publishes its sites in the fleet say to each other.
import * as z from './zod.js';
import { controlRequest } from './daemon-master.js';
import { fleetState, fleetStatusOptions, fleetStore } from './fleet.js';
import type { MessageTypes } from './message-table.js';
import { count } from './values.js';

/** Where the fleet keeps what it knows, and what this machine is called there. Paths are absolute. */
export const fleetSettings = z.object({
  driver: z.enum(['etcd']),
  /** URLs of members of the store, such as `http://10.0.0.1:2379`. */
  endpoints: z.array(z.string()),
  machine: z.string(),
  /** IP address at which others reach this machine. */
  address: z.string(),
  prefix: z.string(),
  weight: count,
  user: z.string().exactOptional(),
  password: z.string().exactOptional(),
  ca: z.string().exactOptional(),
  cert: z.string().exactOptional(),
  key: z.string().exactOptional(),
  /** The path that clear listeners answer by themselves. */
  healthPath: z.string().exactOptional(),
});
export type FleetSettings = z.infer<typeof fleetSettings>;

export const masterToFleet = {
  ping: { params: z.null(), result: z.null() },
  /** Where to publish from now on. */
  configure: { params: fleetSettings, result: z.null() },
  /**
   * These sites, or all, are about to stop: nobody is to be led to them. Answered when those who follow the fleet have
   * had time to know it; rejected where the store could not be told.
   */
  drain: { params: z.object({ siteIds: z.array(z.string()).exactOptional() }), result: z.null() },
  /** They are led to again as soon as they serve. */
  undrain: { params: z.object({ siteIds: z.array(z.string()).exactOptional() }), result: z.null() },
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
};
export type FleetToMaster = MessageTypes<typeof fleetToMaster>;
