// A site of this machine as the control API shows it, and what of it others can reach. Pure.
import { isIP } from 'node:net';
import { SHOWN_SITE_STATES } from '@vhostd/protocol';
import type { SiteDetail } from '@vhostd/protocol';
import { z } from '@vhostd/protocol/schemas';
import type { HostListen } from '../layout.js';

/** What is to be published of a site. */
export interface LocalSite {
  readonly siteId: string;
  /** `coming`: it boots, and was here perhaps before the one who publishes. */
  readonly readiness: 'serves' | 'coming' | 'gone';
  readonly generation: number;
  /** How long its workers may take to finish what they have, ms. */
  readonly drainTimeoutMs: number;
  /** Host patterns that others can reach, `*` for the default of an address, and how. */
  readonly hosts: ReadonlyMap<string, readonly HostListen[]>;
}

/** `address`: where others reach this machine. */
export function localSiteOf(detail: SiteDetail, address: string): LocalSite {
  const { siteId, generation } = detail;
  const parsed = shown.safeParse(detail.conf);
  const conf = parsed.success ? parsed.data : { listen: [], proxySources: [], drainTimeoutMs: 0 };
  const hosts = new Map<string, HostListen[]>();
  for (const { type, host = '*', port, ipaddress } of conf.listen) {
    // What the kernel chooses is another one the next time.
    if (port === 0 || !reaches(ipaddress, address)) continue;
    const proxied = conf.proxySources.some(
      (source) => source.type === type && source.port === port && source.ipaddress === ipaddress,
    );
    const ways = hosts.get(host) ?? [];
    const tls = type === 'ssl' ? 'passthrough' : 'none';
    const known = ways.some((way) => way.port === port && way.tls === tls);
    if (!known) ways.push({ port, tls, proxy: proxied ? 'v2' : 'none' });
    hosts.set(host, ways);
  }
  return { siteId, readiness: readinessOf(detail), generation, drainTimeoutMs: conf.drainTimeoutMs, hosts };
}

function readinessOf({ state, workers, paused }: SiteDetail): LocalSite['readiness'] {
  if (paused === true) return 'gone';
  const { reach } = SHOWN_SITE_STATES[state];
  const isReady = workers.some((worker) => worker.state === 'ready');
  if (reach === 'always' || (reach === 'by-worker' && isReady)) return 'serves';
  return reach === 'soon' ? 'coming' : 'gone';
}

/** Whether what listens at `ipaddress`, or everywhere, is reached at `address`. */
function reaches(ipaddress: string | undefined, address: string): boolean {
  if (ipaddress === undefined || ipaddress === '::') return true;
  return ipaddress === address || (ipaddress === '0.0.0.0' && isIP(address) === 4);
}

const place = { type: z.enum(['tcp', 'ssl']), port: z.int(), ipaddress: z.string().optional() };
const shown = z.object({
  listen: z.array(z.object({ ...place, host: z.string().optional() })),
  proxySources: z.array(z.object(place)).default([]),
  drainTimeoutMs: z.number(),
});
