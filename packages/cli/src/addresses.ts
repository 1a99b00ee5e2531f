// Where a site is reached, as a browser takes it.
import type { AddSiteResult, DaemonStatus, SiteDetail } from '@vhostd/protocol';
import { z } from '@vhostd/protocol/schemas';

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

const EVERYWHERE: ReadonlySet<string> = new Set(['::', '0.0.0.0']);
