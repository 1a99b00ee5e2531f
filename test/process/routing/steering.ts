// Steers the conf of sites in a running master.
import type { ListenRequest, ListeningInfo, ServerConfUpdate } from '@vhostd/protocol';
import { siteFile } from '../../kit/start-vhostd.js';
import type { LoneMaster, SiteOptions } from '../../kit/start-vhostd.js';
import type { UpdateOrder, UpdateOutcome } from './update-messages.js';

/** A site that can be steered; on port 0 of 127.0.0.1 for its hosts. */
export function steered(siteId: string, hosts: string[], options: Partial<SiteOptions> = {}): SiteOptions {
  return { siteId, hosts, workerFile: siteFile('steered', import.meta.url), ...options };
}

/** Entries for these hosts on port 0 of an address: each address of the loopback is a listener of its own. */
export function entries(hosts: string[], ipaddress = '127.0.0.1'): ListenRequest[] {
  return hosts.map((host) => ({ host, port: 0, ipaddress }));
}

/** Sends an update; an error of it is a value. */
export async function tryUpdate(
  vhostd: LoneMaster,
  siteId: string,
  change: ServerConfUpdate,
  form: UpdateOrder['form'] = 'promise',
): Promise<UpdateOutcome> {
  return (await vhostd.callSite(siteId, 'update', { update: change, form })) as UpdateOutcome;
}

/** Sends an update that must succeed; where the site can be reached then. */
export async function update(
  vhostd: LoneMaster,
  siteId: string,
  change: ServerConfUpdate,
): Promise<ListeningInfo[]> {
  const outcome = await tryUpdate(vhostd, siteId, change);
  if ('error' in outcome) throw new Error(`${outcome.error.code}: ${outcome.error.message}`);
  return outcome.listening;
}
