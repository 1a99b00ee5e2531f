// All logs of a site as one that is followed: what `vhostd top` and `vhostd dashboard` show.
import type { StateDirOptions } from '../state-dir.js';
import { logSources } from './log-sources.js';
import { inOrder, SiteLog } from './site-log.js';
import type { LogEntry } from './site-log.js';

export interface FollowedLog {
  /** Those that have come since it was asked last; at first the last ones of each log. */
  more(): LogEntry[];
  close(): void;
}

/** @throws {VhostError} ERR_LOG_NOT_FOUND. */
export async function openSiteLog(
  options: StateDirOptions,
  siteId: string,
  lastCount: number,
): Promise<FollowedLog> {
  const sources = await logSources(options, siteId);
  const logs = sources.map((source) => new SiteLog(source, { err: false }));
  let before = inOrder(logs.map((log) => log.last(lastCount)));
  return {
    more: () => {
      const entries = [...before, ...inOrder(logs.map((log) => log.more()))];
      before = [];
      return entries;
    },
    close: () => {
      for (const log of logs) log.close();
    },
  };
}
