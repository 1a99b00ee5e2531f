// The grammar of a TLS ClientHello, as demands for its next bytes; who answers them may get the bytes in any
// pieces.
import { readName } from '@vhostd/protocol';
import { reject, route } from './verdict.js';
import type { HelloFault } from './refusal-reason.js';
import type { Verdict } from './verdict.js';

/** `take`: that many bytes are needed together. `skip`: that many are of no interest. Both may be zero. */
export interface Demand {
  kind: 'take' | 'skip';
  byteCount: number;
}

/** Yields demands, is resumed with the bytes taken (nothing is read of what a skip returns), ends with the verdict. */
export type HelloReading = Generator<Demand, Verdict, Buffer>;

/** What a length that does not fit its surroundings turns into; never leaves this file. */
class Malformed extends Error {
  readonly reason: HelloFault;

  constructor(reason: HelloFault) {
    super(reason);
    this.reason = reason;
  }
}

const CLIENT_HELLO = 1;
const EXTENSION_SERVER_NAME = 0;
const EXTENSION_ALPN = 16;
const NAME_TYPE_HOST = 0;
/** list length (2), name type (1), name length (2) */
const SERVER_NAME_HEADER_BYTES = 5;
/** What OpenSSL takes (TLSEXT_MAXLEN_host_name). */
const NAME_MAX_BYTES = 255;
/** A longer list of protocols is for the worker's TLS alone. */
const ALPN_MAX_BYTES = 1024;
const SESSION_ID_MAX_BYTES = 32;

/**
 * Reads a ClientHello (RFC 8446 4.1.2, which RFC 5246 7.4.1.2 agrees with in layout) to its end. Unknown
 * cipher suites, extensions and groups, GREASE among them (RFC 8701), are skipped. `maxBytes` bounds the
 * message with its 4-byte header.
 */
export function* readHelloMessage(maxBytes: number): HelloReading {
  try {
    const header = yield* take(4);
    if (header[0] !== CLIENT_HELLO) return reject('hello-type');
    const length = header.readUIntBE(1, 3);
    if (length + header.length > maxBytes) return reject('hello-too-large');
    return route('tls', yield* readBody(new Remainder(length)));
  } catch (thrown) {
    if (thrown instanceof Malformed) return reject(thrown.reason);
    throw thrown;
  }
}

/** What a hello says about where it wants to go. */
interface Wish {
  host: string | null;
  alpn: string[] | null;
}

type Part<T> = Generator<Demand, T, Buffer>;

/** Counts down what is left of a vector of known length, so that nothing inside can reach beyond it. */
class Remainder {
  byteCount: number;

  constructor(byteCount: number) {
    this.byteCount = byteCount;
  }

  use(byteCount: number): void {
    if (byteCount > this.byteCount) throw new Malformed('hello-length');
    this.byteCount -= byteCount;
  }
}

function* readBody(body: Remainder): Part<Wish> {
  body.use(2 + 32);
  // legacy_version and random: any value; the worker's TLS decides about versions.
  yield* skip(2 + 32);
  const sessionIdBytes = yield* readUint(body, 1);
  if (sessionIdBytes > SESSION_ID_MAX_BYTES) throw new Malformed('hello-session-id');
  yield* skipVector(body, sessionIdBytes);
  const cipherBytes = yield* readUint(body, 2);
  if (cipherBytes < 2 || cipherBytes % 2 !== 0) throw new Malformed('hello-cipher-suites');
  yield* skipVector(body, cipherBytes);
  const compressionBytes = yield* readUint(body, 1);
  if (compressionBytes === 0) throw new Malformed('hello-compression');
  yield* skipVector(body, compressionBytes);
  // Before TLS 1.3 a hello may end without any extensions (RFC 5246 7.4.1.2).
  if (body.byteCount === 0) return { host: null, alpn: null };
  const extensionsBytes = yield* readUint(body, 2);
  if (extensionsBytes !== body.byteCount) throw new Malformed('hello-length');
  return yield* readExtensions(body);
}

function* readExtensions(body: Remainder): Part<Wish> {
  const wish: Wish = { host: null, alpn: null };
  let isNamed = false;
  while (body.byteCount > 0) {
    const type = yield* readUint(body, 2);
    const length = yield* readUint(body, 2);
    body.use(length);
    if (type === EXTENSION_SERVER_NAME) {
      // RFC 8446 4.2: no two extensions of one type.
      if (isNamed) throw new Malformed('sni-duplicate');
      isNamed = true;
      if (length > SERVER_NAME_HEADER_BYTES + NAME_MAX_BYTES) throw new Malformed('sni-length');
      wish.host = hostOf(yield* take(length));
    } else if (type === EXTENSION_ALPN && length <= ALPN_MAX_BYTES) {
      wish.alpn = protocolsOf(yield* take(length));
    } else {
      yield* skip(length);
    }
  }
  return wish;
}

/**
 * ServerNameList of RFC 6066 3: exactly one name and of type host_name, the only one there is and all that
 * OpenSSL accepts. An IPv4 address is let pass although RFC 6066 forbids it, since clients do send it and
 * it can name a site. What is no host name (empty, with a port, IPv6) is none that a site has: null.
 */
function hostOf(list: Buffer): string | null {
  const isWhole = list.length >= SERVER_NAME_HEADER_BYTES && list.readUInt16BE(0) === list.length - 2;
  const nameBytes = list.length - SERVER_NAME_HEADER_BYTES;
  if (!isWhole || list[2] !== NAME_TYPE_HOST || list.readUInt16BE(3) !== nameBytes) {
    throw new Malformed('sni-malformed');
  }
  const name = list.toString('latin1', SERVER_NAME_HEADER_BYTES);
  if (name.includes('\0')) throw new Malformed('sni-nul');
  const reading = readName(name);
  return 'fault' in reading || reading.host.startsWith('[') ? null : reading.host;
}

/** ProtocolNameList of RFC 7301 3.1; null for anything else, which the worker's TLS refuses. */
function protocolsOf(list: Buffer): string[] | null {
  if (list.length < 2 || list.readUInt16BE(0) !== list.length - 2) return null;
  const protocols: string[] = [];
  for (let at = 2; at < list.length;) {
    const end = at + 1 + (list[at] ?? 0);
    if (end === at + 1 || end > list.length) return null;
    protocols.push(list.toString('latin1', at + 1, end));
    at = end;
  }
  return protocols;
}

function* readUint(vector: Remainder, byteCount: number): Part<number> {
  vector.use(byteCount);
  return (yield* take(byteCount)).readUIntBE(0, byteCount);
}

function* skipVector(vector: Remainder, byteCount: number): Part<void> {
  vector.use(byteCount);
  yield* skip(byteCount);
}

function* take(byteCount: number): Part<Buffer> {
  return yield { kind: 'take', byteCount };
}

function* skip(byteCount: number): Part<void> {
  yield { kind: 'skip', byteCount };
}
