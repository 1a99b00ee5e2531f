// Says whether a worker may have what it asks for: the operator's `allow` against an `updateServerConf`.
import { VhostError } from '@vhostd/protocol';
import type { AppPort, ErrorCode } from '@vhostd/protocol';
import { isIPv4 } from 'node:net';
import type { Allowance, ListenEntry, ServerConfUpdate } from './site-conf.js';

/**
 * The first thing in `update` that `allow` does not cover, or undefined. Both are as `parseServerConfUpdate`
 * and `parseSite` return them. `info` is `{ path, value, allowed }`.
 *
 * ERR_ALLOW_HOST: a host outside `hosts`, or the default of an address, which is any host. A wildcard covers
 * the names below it, however deep, and narrower wildcards, but not the bare name. ERR_ALLOW_PORT: a port
 * outside `ports`; 0, which is any port, must be listed itself. ERR_ALLOW_IPADDRESS: an address outside
 * `ipaddresses`; all addresses (no `ipaddress`) need `::` there. ERR_ALLOW_CPU_LEN: more workers than `cpuLen`.
 * ERR_ALLOW_LISTENER_COUNT, ERR_ALLOW_HOST_COUNT: more of them than `listenerMaxCount`, `hostMaxCount`.
 */
export function checkAllowance(update: ServerConfUpdate, allow: Allowance): VhostError | undefined {
  if (update.cpuLen !== undefined && allow.cpuLen !== undefined && update.cpuLen > allow.cpuLen) {
    return refusal(
      'ERR_ALLOW_CPU_LEN',
      'updateServerConf: cpuLen',
      update.cpuLen,
      allow.cpuLen,
      'workers are more than',
    );
  }
  if (update.defaultListen === true && !allow.defaultListen) {
    return refusal(
      'ERR_ALLOW_HOST',
      'updateServerConf: defaultListen',
      true,
      allow.hosts,
      `claims every host, ${OUTSIDE}`,
    );
  }
  // Both lists may be long and the update is a worker's, so no entry may cost a walk through the hosts.
  const hosts = allow.hosts === undefined ? undefined : new Set(allow.hosts);
  for (const [index, entry] of update.listen?.entries() ?? []) {
    const refused = checkEntry(entry, allow, hosts, `listen[${index}]`);
    if (refused !== undefined) return refused;
  }
  return checkCounts(update.listen ?? [], allow);
}

/** Each listener is a descriptor of the master's, and each host has its place in tables that are copied on a change. */
function checkCounts(
  listen: readonly ListenEntry[],
  { listenerMaxCount = LISTENER_MAX_COUNT, hostMaxCount = HOST_MAX_COUNT }: Allowance,
): VhostError | undefined {
  const listeners = new Set(listen.map(({ type, ipaddress, port }) => `${type} ${ipaddress ?? ''} ${port}`))
    .size;
  const hosts = new Set(listen.flatMap(({ host }) => host ?? [])).size;
  const at = 'updateServerConf: listen';
  if (listeners > listenerMaxCount) {
    const claim = 'addresses are more than';
    return refusal('ERR_ALLOW_LISTENER_COUNT', at, listeners, listenerMaxCount, claim);
  }
  if (hosts > hostMaxCount)
    return refusal('ERR_ALLOW_HOST_COUNT', at, hosts, hostMaxCount, 'hosts are more than');
  return undefined;
}

const LISTENER_MAX_COUNT = 64;
const HOST_MAX_COUNT = 10_000;

/** Why a server of an app may not listen there, or undefined: ERR_ALLOW_PORT, ERR_ALLOW_IPADDRESS. */
export function checkAppPort(place: AppPort, allow: Allowance): VhostError | undefined {
  return checkPlace(place, allow, 'listen: ');
}

const OUTSIDE = 'which is outside of';

function checkEntry(
  entry: ListenEntry,
  allow: Allowance,
  hosts: ReadonlySet<string> | undefined,
  at: string,
): VhostError | undefined {
  const { host } = entry;
  if (host === undefined && !allow.defaultListen) {
    const claim = `has no host, so it claims every host, ${OUTSIDE}`;
    return refusal('ERR_ALLOW_HOST', `updateServerConf: ${at}.host`, undefined, allow.hosts, claim);
  }
  if (host !== undefined && hosts !== undefined && !coverHost(hosts, host)) {
    return refusal('ERR_ALLOW_HOST', `updateServerConf: ${at}.host`, host, allow.hosts, 'is outside of');
  }
  return checkPlace(entry, allow, `updateServerConf: ${at}.`);
}

/** The first of the two that a place to listen is outside of; `at` begins the message. */
function checkPlace({ port, ipaddress }: AppPort, allow: Allowance, at: string): VhostError | undefined {
  if (!(allow.ports?.some(({ from, to }) => from <= port && port <= to) ?? true)) {
    const ranges = allow.ports?.map(({ from, to }) => (from === to ? String(from) : `${from}-${to}`));
    const claim = port === 0 ? `is any port, ${OUTSIDE}` : 'is outside of';
    return refusal('ERR_ALLOW_PORT', `${at}port`, port, ranges, claim);
  }
  if (!(allow.ipaddresses?.some((allowed) => coversAddress(allowed, ipaddress)) ?? true)) {
    const claim =
      ipaddress === undefined ? `is absent and so means all addresses, ${OUTSIDE}` : 'is outside of';
    return refusal('ERR_ALLOW_IPADDRESS', `${at}ipaddress`, ipaddress, allow.ipaddresses, claim);
  }
  return undefined;
}

/** All are normalized. `*.a.com` stands for one or more labels before `a.com`. */
function coverHost(hosts: ReadonlySet<string>, asked: string): boolean {
  if (hosts.has(asked)) return true;
  for (let dot = asked.indexOf('.'); dot !== -1; dot = asked.indexOf('.', dot + 1)) {
    if (hosts.has(`*${asked.slice(dot)}`)) return true;
  }
  return false;
}

/** `::` listens on IPv4 too where the machine is dual-stack, so it stands for every address. */
function coversAddress(allowed: string, asked: string | undefined): boolean {
  if (allowed === '::' || allowed === asked) return true;
  return allowed === '0.0.0.0' && asked !== undefined && isIPv4(asked);
}

function refusal(
  code: ErrorCode,
  at: string,
  value: string | number | boolean | undefined,
  allowed: number | readonly string[] | undefined,
  claim: string,
): VhostError {
  const field = ALLOW_FIELDS[code] ?? '';
  const limit = typeof allowed === 'object' ? listOf(allowed) : String(allowed);
  const asked = value === undefined ? '' : ` ${JSON.stringify(value)}`;
  const message = `${at}:${asked} ${claim} the site's allow.${field} (${limit})`;
  const path = at.replace(/^.*: /, '');
  return new VhostError(code, message, {
    info: { path, ...(value === undefined ? {} : { value }), allowed: allowed ?? null },
  });
}

const ALLOW_FIELDS: Readonly<Record<string, string>> = {
  ERR_ALLOW_HOST: 'hosts',
  ERR_ALLOW_PORT: 'ports',
  ERR_ALLOW_IPADDRESS: 'ipaddresses',
  ERR_ALLOW_CPU_LEN: 'cpuLen',
  ERR_ALLOW_LISTENER_COUNT: 'listenerMaxCount',
  ERR_ALLOW_HOST_COUNT: 'hostMaxCount',
};
const MAX_LISTED = 10;

function listOf(allowed: readonly string[]): string {
  if (allowed.length === 0) return 'nothing';
  const rest = allowed.length > MAX_LISTED ? `, … ${allowed.length - MAX_LISTED} more` : '';
  return allowed.slice(0, MAX_LISTED).join(', ') + rest;
}
