// What a master and the process that watches the files of its sites say to each other.
import * as z from './zod.js';
import type { MessageTypes } from './message-table.js';
import { amount, count } from './values.js';

/** A site whose files are to be watched. */
const watchedSite = z.object({
  siteId: z.string(),
  /** Absolute. */
  path: z.string(),
  /** Extensions, without dots, of the files that count. */
  extensions: z.array(z.string()),
  /** Whether what its symbolic links lead to is watched, too. Its code may have made them. */
  followSymlinks: z.boolean(),
  /** What was written since counts as changed; ms since 1970. */
  sinceMs: amount,
});
export type WatchedSite = z.infer<typeof watchedSite>;

export const masterToWatcher = {
  ping: { params: z.null(), result: z.null() },
  /** All that is watched from now on. */
  watch: { params: z.object({ sites: z.array(watchedSite) }), result: z.null() },
};
export type MasterToWatcher = MessageTypes<typeof masterToWatcher>;

export const watcherToMaster = {
  /** So many files of a site are watched. */
  watching: { params: z.object({ siteId: z.string(), count }), result: z.null() },
  /** So many have changed, and are written whole; `files`: the first of them, relative to the site's path. */
  changed: {
    params: z.object({ siteId: z.string(), files: z.array(z.string()), count }),
    result: z.null(),
  },
  /** Something is not watched as it should be. */
  problem: {
    params: z.object({ siteId: z.string(), code: z.string(), message: z.string() }),
    result: z.null(),
  },
};
export type WatcherToMaster = MessageTypes<typeof watcherToMaster>;
