// Where a site is reached, as a browser takes it.
import type { DaemonClient } from '@vhostd/daemon/client';
import { SHOWN_SITE_STATES } from '@vhostd/protocol';
import type { AddSiteResult, DaemonStatus, SiteDetail } from '@vhostd/protocol';
import { z } from '@vhostd/protocol/schemas';
import { columns, within } from './columns.js';
import { printableLine } from './printable.js';
import { siteDetailOf } from './site-detail.js';

/** A line an address, behind the name of its site; of ten sites, and ten addresses of each, at most. Rejects as {@link DaemonClient}. */
export async function addressTable(client: DaemonClient): Promise<string[]> {
  const { sites, listeners } = await client.status();
  const shown = sites.slice(0, SHOWN_SITES_MAX_COUNT);
  const rows: string[][] = [];
  for (const { siteId, state } of shown) {
    const isStopped = SHOWN_SITE_STATES[state].verdict === 'off';
    const urls = isStopped
      ? [`stopped: vhostd start ${siteId}`]
      : siteUrls(await siteDetailOf(client, siteId), listeners);
    const listed = urls.slice(0, SHOWN_URLS_MAX_COUNT);
    const left = urls.length - listed.length;
    if (left > 0) listed.push(`and ${left} more: vhostd status ${siteId}`);
    for (const [index, url] of listed.entries())
      rows.push([index === 0 ? `  ${within(siteId, NAME_WIDTH)}` : '', url]);
  }
  const more = sites.length - shown.length;
  return [...columns(rows), ...(more > 0 ? [`  and ${more} more: vhostd status`] : [])].map(printableLine);
}

/** A line an address and host; a wildcard is shown as it is. */
export function urlsOf({ hosts, listening }: Pick<AddSiteResult, 'hosts' | 'listening'>): string[] {
  return listening.flatMap(({ address, port, type }) => {
    const scheme = type === 'ssl' ? 'https' : 'http';
    const suffix = port === (type === 'ssl' ? 443 : 80) ? '' : `:${port}`;
    const own = EVERYWHERE.has(address) ? 'localhost' : address.includes(':') ? `[${address}]` : address;
    return hosts.map((host) => `${scheme}://${host === '*' ? own : host}${suffix}/`);
  });
}

/** {@link urlsOf} for a site of a daemon that listens there. */
export function siteUrls({ conf }: Pick<SiteDetail, 'conf'>, listeners: DaemonStatus['listeners']): string[] {
  const entries = z.array(listenEntry).safeParse(conf['listen']);
  const urls = (entries.data ?? []).flatMap(({ host = '*', port, type, ipaddress }) => {
    const listening = listeners.filter(
      (listener) =>
        listener.type === type &&
        (port === 0 || listener.port === port) &&
        (ipaddress === undefined || listener.address === ipaddress),
    );
    return urlsOf({ hosts: [host], listening });
  });
  return [...new Set(urls)];
}

const listenEntry = z.object({
  type: z.string(),
  host: z.string().optional(),
  port: z.number(),
  ipaddress: z.string().optional(),
});

const SHOWN_SITES_MAX_COUNT = 10;
const SHOWN_URLS_MAX_COUNT = 10;
const NAME_WIDTH = 20;
const EVERYWHERE: ReadonlySet<string> = new Set(['::', '0.0.0.0']);
