// What follows the events of a master over the control API; docs/events.md has the events themselves.
import * as z from './zod.js';

/** Which events somebody follows. The fields come from a query. */
export const eventsOptions = z.object({
  /** Only what happens to this site. Default: everything. */
  siteId: z.string().exactOptional(),
  /** `true`: those of single connections as well. Default `false`. */
  connections: z.enum(['true', 'false']).exactOptional(),
});
export type EventsOptions = z.infer<typeof eventsOptions>;

/** One event. */
export const masterEvent = z.object({
  /** When it happened, ISO 8601, UTC. */
  time: z.string(),
  /** Its name; `subscribed`, with the pid of the `master`, is the first of each master. */
  event: z.string(),
  payload: z.record(z.string(), z.unknown()),
});
export type MasterEvent = z.infer<typeof masterEvent>;
