// What is said of two sites that want the same host or address.
import { VhostError } from '@vhostd/protocol';
import type { RouteTable, RouteTableResult } from './route-table.js';

interface NamedSite {
  readonly siteId: string;
}

/** Nobody else may have an address at which one's workers accept, or may do so still. */
export function heldAddress(listenerKey: string, holder: NamedSite, claimant: NamedSite): VhostError {
  const [ip = '*', port = ''] = listenerKey.split('|');
  const where = `port ${port}${ip === '*' ? '' : ` of ${ip}`}`;
  const info = {
    host: null,
    port: Number(port),
    ipaddress: ip,
    holder: holder.siteId,
    claimant: claimant.siteId,
  };
  const why = `is site ${holder.siteId}'s alone, as long as a worker of it accepts there by itself`;
  return new VhostError('ERR_ROUTE_CONFLICT', `${where} ${why}; ${claimant.siteId} cannot be reached there`, {
    info,
  });
}

/** The table, if there is one. @throws {VhostError} ERR_ROUTE_CONFLICT. */
export function tableOf<T extends NamedSite>(result: RouteTableResult<T>): RouteTable<T> {
  if ('table' in result) return result.table;
  const { listenerKey, pattern, targets, exclusive } = result.conflict;
  const [ip = '*', port = ''] = listenerKey.split('|');
  const what = pattern === null ? 'the default site' : `host ${pattern}`;
  const [holder, claimant] = targets;
  if (exclusive === true) throw heldAddress(listenerKey, holder, claimant);
  throw new VhostError(
    'ERR_ROUTE_CONFLICT',
    `${what} on port ${port}${ip === '*' ? '' : ` of ${ip}`} belongs to site ${holder.siteId}; ${claimant.siteId} cannot have it`,
    {
      info: {
        host: pattern,
        port: Number(port),
        ipaddress: ip,
        holder: holder.siteId,
        claimant: claimant.siteId,
      },
    },
  );
}
