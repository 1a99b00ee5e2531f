// Says whether a site may be run over a transport: Node's channel protects the master from no worker that means it harm.
import { VhostError } from '@vhostd/protocol';
import type { LinkType } from '@vhostd/protocol';
import { isForeign } from './foreign-user.js';
import type { SiteConf } from './site-conf.js';

/** Why a site that is not trusted is not to be run over `ipc`; undefined where it may. */
export function checkTrust(conf: SiteConf, linkType: LinkType): VhostError | undefined {
  if (linkType !== 'ipc' || conf.trusted) return undefined;
  const fence = fenceOf(conf);
  if (fence === undefined) return undefined;
  const { siteId } = conf;
  const message =
    `site ${siteId} has ${fence}, so it is not trusted, but the handoff ipc protects the master from no site; ` +
    'use "handoff": "pipe", or say "trusted": true of the site';
  return new VhostError('ERR_SITE_UNTRUSTED', message, { info: { siteId, fence } });
}

/**
 * Whether connections that its workers have had are for no other site, nor for the master to read or write. Whoever has a
 * copy of a descriptor says for all whether it blocks (O_NONBLOCK is the open file's, open(2)): a process that Node has
 * told nothing of that would stand still in its next read or write.
 */
export function isFenced({ runAs, trusted }: SiteConf): boolean {
  return isForeign(runAs) && !trusted;
}

/** By what the conf keeps the site apart, in words. */
function fenceOf({ runAs, allow }: SiteConf): string | undefined {
  if (runAs !== undefined) return 'a user of its own';
  const { hosts, ports, ipaddresses, cpuLen } = allow;
  return [hosts, ports, ipaddresses, cpuLen].some((limit) => limit !== undefined) ? 'an allow' : undefined;
}
