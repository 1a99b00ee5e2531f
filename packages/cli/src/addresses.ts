// Where a site is reached, as a browser takes it.
import type { AddSiteResult } from '@vhostd/protocol';

/** A line an address and host; a wildcard is shown as it is. */
export function urlsOf({ hosts, listening }: Pick<AddSiteResult, 'hosts' | 'listening'>): string[] {
  return listening.flatMap(({ address, port, type }) => {
    const scheme = type === 'ssl' ? 'https' : 'http';
    const suffix = port === (type === 'ssl' ? 443 : 80) ? '' : `:${port}`;
    const own = EVERYWHERE.has(address) ? 'localhost' : address.includes(':') ? `[${address}]` : address;
    return hosts.map((host) => `${scheme}://${host === '*' ? own : host}${suffix}/`);
  });
}

const EVERYWHERE: ReadonlySet<string> = new Set(['::', '0.0.0.0']);
