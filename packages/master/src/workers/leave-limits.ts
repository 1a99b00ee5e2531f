// How long a worker that is to leave may take.
import type { SiteConf } from '../conf/site-conf.js';

/** How long a worker that is to leave may take before it is killed, ms; as much where its master is gone. */
export function leaveLimitMs(conf: SiteConf): number {
  return softLimitMs(conf) + conf.stopTimeoutMs;
}

/** From being asked to leave until it is sent SIGTERM, ms. */
export function softLimitMs(conf: SiteConf): number {
  return conf.drainTimeoutMs + SOFT_MARGIN_MS;
}

/** What a worker gets on top of its drain limit to run `stopped`, ms. */
const SOFT_MARGIN_MS = 2000;
