// All that a daemon knows of one site.
import type { DaemonClient } from '@vhostd/daemon/client';
import type { SiteDetail } from '@vhostd/protocol';
import { decode, siteDetail } from '@vhostd/protocol/schemas';

/** Rejects as {@link DaemonClient.request}, with ERR_SITE_UNKNOWN for one. */
export async function siteDetailOf(client: DaemonClient, siteId: string): Promise<SiteDetail> {
  const path = `/sites/${encodeURIComponent(siteId)}`;
  return decode(siteDetail, await client.request({ method: 'GET', path }), 'site');
}
