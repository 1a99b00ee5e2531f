// What an added site is written as when an order has changed some of its fields.
import { VhostError } from '@vhostd/protocol';
import type { ChangeSiteOptions } from '@vhostd/protocol';
import type { AddedSite } from './added-sites.js';

type Fields = Readonly<Record<string, unknown>>;

/**
 * The fields that are given in place of those that the site was added with; null takes one away. Those of
 * `workerOptions` and of its `env` are taken one by one. `where` changes a part of `listen`: other hosts at the same
 * addresses, or another port or address for the same hosts.
 * @throws {VhostError} ERR_SITE_OPTION: the site has several addresses, and one is given.
 */
export function changedSite(siteId: string, added: AddedSite, change: ChangeSiteOptions): AddedSite {
  const { site = {}, where } = change;
  const merged = { ...merge(added.site, site, ['workerOptions', 'env']), siteId };
  if (where === undefined) return { ...added, site: merged };
  return { ...added, site: { ...merged, listen: movedEntries(siteId, entriesOf(merged), where) } };
}

/** With `deep`, the first of these fields is merged itself, and in it the next one. */
function merge(before: Fields, given: Fields, [deep, ...deeper]: readonly string[]): Fields {
  const all = Object.entries({ ...before, ...given }).map(([name, value]): [string, unknown] => {
    const old = before[name];
    const isMerged = name === deep && isFields(old) && isFields(value);
    return [name, isMerged ? merge(old, value, deeper) : value];
  });
  return Object.fromEntries(all.filter(([, value]) => value !== null));
}

function movedEntries(
  siteId: string,
  entries: readonly Fields[],
  { hosts, ...place }: NonNullable<ChangeSiteOptions['where']>,
): Fields[] {
  const places = new Map(
    entries.map((entry) => [JSON.stringify([entry['port'], entry['ipaddress']]), withoutHost(entry)]),
  );
  const isMoved = Object.keys(place).length > 0;
  if (isMoved && places.size > 1) {
    const message = `site ${siteId} has several addresses; remove it and add it anew with the one that is meant`;
    throw new VhostError('ERR_SITE_OPTION', message, { info: { siteId } });
  }
  if (hosts === undefined) {
    const moved = entries.map((entry) => ({ ...entry, ...place }));
    return moved.length === 0 ? [place] : moved;
  }
  const all = places.size === 0 ? [{}] : [...places.values()];
  return all.flatMap((entry) => hosts.map((host) => ({ ...entry, ...place, host })));
}

function withoutHost(entry: Fields): Fields {
  return Object.fromEntries(Object.entries(entry).filter(([name]) => name !== 'host'));
}

function entriesOf({ listen }: Fields): Fields[] {
  return Array.isArray(listen) ? listen.filter(isFields) : [];
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
