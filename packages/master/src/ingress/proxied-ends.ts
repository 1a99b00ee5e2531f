// Whose connection a balancer passes on, by the PROXY protocol, and the proof that this master has read it: workers
// carry it, and one that hands a connection back could make another site believe in a client of its own invention.
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { ConnectionHeader, NativeHandle } from '@vhostd/transport';
import { remoteEndOf } from '../node/raw-accept.js';
import type { Endpoint } from '../peek/proxy-header.js';

export interface ProxiedEnds {
  readonly client: Endpoint;
  /** Where the client connected. */
  readonly server: Endpoint;
  /** Binds both to the connection. latin1 text. */
  readonly seal: string;
}

/** Of a connection whose header has been read here. */
export function sealEnds(handle: NativeHandle, { client, server }: Omit<ProxiedEnds, 'seal'>): ProxiedEnds {
  return { client, server, seal: sealOf(handle, client, server).toString('latin1') };
}

/**
 * What a worker says of a connection that it hands back: undefined where it came without, or where the connection has
 * been reset meanwhile and nothing can be proved; null where it is a lie.
 */
export function openEnds(handle: NativeHandle, header: ConnectionHeader): ProxiedEnds | undefined | null {
  const { client, server, seal } = header;
  if (client === undefined && server === undefined && seal === undefined) return undefined;
  if (remoteEndOf(handle).address === '') return undefined;
  if (client === undefined || server === undefined || seal === undefined) return null;
  const given = Buffer.from(seal, 'latin1');
  const right = sealOf(handle, client, server);
  return given.length === right.length && timingSafeEqual(given, right) ? { client, server, seal } : null;
}

function sealOf(handle: NativeHandle, client: Endpoint, server: Endpoint): Buffer {
  const ends = [remoteEndOf(handle), client, server].map(({ address, port }) => `${address} ${port}`);
  return createHmac('sha256', SECRET).update(ends.join('\n')).digest().subarray(0, SEAL_BYTES);
}

const SECRET = randomBytes(32);
const SEAL_BYTES = 16;
