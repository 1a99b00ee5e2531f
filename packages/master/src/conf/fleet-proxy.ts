// Checks what sites say against what is in front of the fleet. Pure.
import { problemAt } from './problem.js';
import type { ConfProblem } from './problem.js';
import type { FleetConf, SiteConf } from './site-conf.js';

/** Addresses in clear that others reach and that want PROXY headers, which Traefik sends with TLS alone. */
export function fleetProxyProblems(
  sites: readonly Pick<SiteConf, 'proxySources'>[],
  fleet: FleetConf | undefined,
): ConfProblem[] {
  if (fleet?.driver !== 'traefik') return [];
  const reached = [undefined, '::', '0.0.0.0', fleet.address];
  return sites.flatMap(({ proxySources = [] }, index) => {
    const refused = proxySources.find(({ type, ipaddress }) => type === 'tcp' && reached.includes(ipaddress));
    if (refused === undefined) return [];
    const reason = `port ${refused.port} has proxyProtocol, but Traefik sends no PROXY header with HTTP in clear`;
    return [problemAt(['sites', index, 'listen'], refused, 'no proxyProtocol in clear', { reason })];
  });
}
