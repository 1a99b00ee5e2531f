// What `vhostd fleet status --json` prints; names are part of the public interface.
import * as z from './zod.js';
import { count } from './values.js';

/** How the publishing stands. */
export const fleetState = z.object({
  /** `connected`: all that is to be known of this machine is in the store. */
  state: z.enum(['connecting', 'connected', 'lost']),
  /** The member that answered last. */
  endpoint: z.string().exactOptional(),
  /** Present while there is one. */
  lease: z.string().exactOptional(),
  /** Of the store, behind the last change of this machine. */
  revision: z.string().exactOptional(),
  /** Why the last attempt failed. */
  error: z.string().exactOptional(),
});
export type FleetState = z.infer<typeof fleetState>;

/** This machine in the fleet. */
export const fleetStanding = fleetState.extend({
  machine: z.string(),
  address: z.string(),
  /** The last failure, also one that is over. ISO 8601. */
  lastError: z.object({ time: z.string(), message: z.string() }).exactOptional(),
});
export type FleetStanding = z.infer<typeof fleetStanding>;

/** A machine, as the store has it. */
export const fleetMachine = z.object({
  machine: z.string(),
  address: z.string(),
  version: z.string(),
  /** When its vhostd began to publish, ISO 8601. */
  started: z.string(),
  lease: z.string(),
  /** Its hosts by their state. */
  up: count,
  drain: count,
});
export type FleetMachine = z.infer<typeof fleetMachine>;

/** A host of a machine. */
export const fleetHostMachine = z.object({
  machine: z.string(),
  address: z.string(),
  site: z.string(),
  state: z.enum(['up', 'drain']),
  weight: count,
  generation: count,
  listen: z.array(
    z.object({ port: count, tls: z.enum(['passthrough', 'none']), proxy: z.enum(['v2', 'none']) }),
  ),
});
export type FleetHostMachine = z.infer<typeof fleetHostMachine>;

/** What machines say differently of one host. */
export const fleetConflict = z.object({
  /** `site`: whose it is. `tls`: whether sites decrypt, or all is in clear. `proxy`: how connections are to begin. */
  field: z.enum(['site', 'tls', 'proxy']),
  claims: z.array(z.object({ value: z.string(), machines: z.array(z.string()) })),
});
export type FleetConflict = z.infer<typeof fleetConflict>;

export const fleetHost = z.object({
  host: z.string(),
  machines: z.array(fleetHostMachine),
  /** Absent where all say the same. */
  conflicts: z.array(fleetConflict).exactOptional(),
});
export type FleetHost = z.infer<typeof fleetHost>;

/** What is in the store. */
export const fleetStore = z.object({
  /** Of the store when it was read. */
  revision: z.string(),
  machines: z.array(fleetMachine),
  /** Those with conflicts first; as many as an answer may have, or the one that was asked for. */
  hosts: z.array(fleetHost),
  /** How many hosts there are. */
  hostCount: count,
  /** How many of them have conflicts. */
  conflictCount: count,
  /** Keys that are none of ours, or have no value that can be used: some of them, and how many. */
  unreadable: z.object({ count, keys: z.array(z.string()) }).exactOptional(),
});
export type FleetStore = z.infer<typeof fleetStore>;

export const fleetStatus = fleetStanding.extend({
  /** Absent where the store can't be read, with the reason in `storeError`. */
  store: fleetStore.exactOptional(),
  storeError: z.string().exactOptional(),
});
export type FleetStatus = z.infer<typeof fleetStatus>;

/** Which hosts are to be shown. */
export const fleetStatusOptions = z.object({
  /** As the conf names it: `*.shop.example`. Default: all. */
  host: z.string().max(255).exactOptional(),
});
export type FleetStatusOptions = z.infer<typeof fleetStatusOptions>;
