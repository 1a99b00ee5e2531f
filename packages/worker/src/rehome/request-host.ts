// The host of a request that Node's parser has read, as strictly as the master reads a connection's first one.
import { readAuthority } from '@vhostd/protocol';
import type { Authority, HostFault, WorkerRefusal } from '@vhostd/protocol';

/** The parts of an http.IncomingMessage that decide. */
export interface RequestHead {
  method?: string | undefined;
  url?: string | undefined;
  httpVersion: string;
  /** Names and values in turn. */
  rawHeaders: string[];
}

/** What {@link fieldsOf} found. */
interface DecidingFields {
  hostCount: number;
  /** Index of the last Host's value in `rawHeaders`; -1 without one. */
  hostIndex: number;
  codingCount: number;
  coding: string;
}

/**
 * The value of the Host field of a request about which nothing needs a second look: a path for a target, one Host
 * field or none on HTTP/1.0, no coding but `chunked`. Null: no Host field. Undefined: it needs one.
 */
export function plainHost(head: RequestHead): string | null | undefined {
  const { url = '', httpVersion, rawHeaders } = head;
  if (!PATH.test(url)) return undefined;
  const { hostCount, hostIndex, codingCount, coding } = fieldsOf(rawHeaders);
  if (httpVersion === '1.1') {
    if (hostCount !== 1 || codingCount > 1 || (codingCount === 1 && coding !== 'chunked')) return undefined;
    return rawHeaders[hostIndex];
  }
  if (httpVersion !== '1.0' || codingCount > 0 || hostCount > 1) return undefined;
  return hostCount === 0 ? null : rawHeaders[hostIndex];
}

/** The host of a Host field's value: null where it names none that a conf could have; undefined: it is no host. */
export function hostOf(value: string | null): string | null | undefined {
  if (value === null || value === '') return null;
  const authority = readAuthority(value);
  if ('fault' in authority) return undefined;
  return nameIn(authority);
}

/** What is wrong with a value that is no host; undefined: nothing. */
export function hostFaultOf(value: string): HostFault | undefined {
  const authority = readAuthority(value);
  return 'fault' in authority ? authority.fault : undefined;
}

/** What {@link strictHost} found. */
export type StrictReading =
  { kind: 'host'; host: string | null } | { kind: 'none' } | { kind: 'invalid'; reason: WorkerRefusal };

/**
 * The host of a request on a connection that the master cannot read; null: one that no conf could have. `none`: it
 * states none, so the connection's name decides. `invalid`: it must be refused. Of an absolute target the authority
 * counts, and takes the place of the Host field's value (RFC 9112 3.2.2).
 */
export function strictHost(head: RequestHead): StrictReading {
  const { method, url = '', httpVersion, rawHeaders } = head;
  const { hostCount, hostIndex, codingCount } = fieldsOf(rawHeaders);
  if (hostCount > 1) return invalid('host-duplicate');
  if (codingCount > 1) return invalid('transfer-encoding-duplicate');
  if (codingCount > 0 && httpVersion !== '1.1') return invalid('transfer-encoding-on-1.0');
  if (!VISIBLE.test(url)) return invalid('target-char');
  if (url.includes('#')) return invalid('target-fragment');
  const value = hostIndex === -1 ? null : (rawHeaders[hostIndex] ?? '');
  const field = value === null || value === '' ? undefined : readAuthority(value);
  if (field !== undefined && 'fault' in field) return invalid(field.fault);
  const stated: StrictReading = value === null ? { kind: 'none' } : { kind: 'host', host: nameIn(field) };
  if (url.startsWith('/') || method === 'CONNECT') return stated;
  if (url === '*') return method === 'OPTIONS' ? stated : invalid('target-form');
  const text = ABSOLUTE.exec(url)?.[1];
  if (text === undefined) return invalid('target-form');
  const target = readAuthority(text);
  if ('fault' in target) return invalid(`target-${target.fault}`);
  // Node answers it with 400.
  if (value === null && httpVersion === '1.1') return stated;
  if (field?.host !== target.host || field.port !== target.port) {
    if (value === null) rawHeaders.push('Host', text);
    else rawHeaders[hostIndex] = text;
  }
  return { kind: 'host', host: nameIn(target) };
}

function invalid(reason: WorkerRefusal): StrictReading {
  return { kind: 'invalid', reason };
}

/** The host, where it is one that a conf could have. */
function nameIn(authority: Authority | undefined): string | null {
  return authority?.isName ? authority.host : null;
}

function fieldsOf(rawHeaders: readonly string[]): DecidingFields {
  let hostCount = 0;
  let hostIndex = -1;
  let codingCount = 0;
  let coding = '';
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? '';
    if (name.length === HOST.length && name.toLowerCase() === HOST) {
      hostCount += 1;
      hostIndex = index + 1;
    } else if (name.length === TRANSFER_ENCODING.length && name.toLowerCase() === TRANSFER_ENCODING) {
      codingCount += 1;
      coding = rawHeaders[index + 1] ?? '';
    }
  }
  return { hostCount, hostIndex, codingCount, coding };
}

const HOST = 'host';
const TRANSFER_ENCODING = 'transfer-encoding';
/** A path of visible ASCII characters without `#`. */
const PATH = /^\/[!"$-~]*$/;
const VISIBLE = /^[!-~]+$/;
const ABSOLUTE = /^https?:\/\/([^/?]*)/i;
