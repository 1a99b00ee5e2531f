// What a master tells the code that runs it.
import type { ListeningInfo } from '@vhostd/protocol';
import type { SiteFailure } from './sites/conductor.js';

/** The events of a master. */
export interface MasterEvents {
  /** The master has been set up: load sites now. Emitted once, asynchronously. */
  loadend: [];
  'server::listening': [info: ListeningInfo];
  'server::close': [info: ListeningInfo];
  /** A listening socket failed, or one that a site's conf names can't be had; then it has the site's `siteId`. */
  'server::error': [error: Error & { siteId?: string }];
  /** A site can't be started, or all its workers have been given up; the restart policy or a reload may help. */
  error: [error: Error & { siteId?: string }];
}

/** What became of `serverRun`. */
export interface RunResult {
  /** Sites that could not be published, and why. */
  failures: SiteFailure[];
}
