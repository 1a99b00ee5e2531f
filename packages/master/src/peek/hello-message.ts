// The grammar of a TLS ClientHello, as demands for its next bytes; who answers them may get the bytes in any
// pieces.
import { readHost } from '../hosts/host-name.js';
import { reject } from './verdict.js';
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
  readonly reason: string;

  constructor(reason: string) {
    super(reason);
    this.reason = reason;
  }
}

const CLIENT_HELLO = 1;
const EXTENSION_SERVER_NAME = 0;
const NAME_TYPE_HOST = 0;
/** list length (2), name type (1), name length (2), then at most 253 characters and a trailing dot. */
const SERVER_NAME_MAX_BYTES = 5 + 254;
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
    if (length + header.length > maxBytes) return reject('hello-too-large', 431);
    return { kind: 'route', protocol: 'tls', host: yield* readBody(new Remainder(length)) };
  } catch (thrown) {
    if (thrown instanceof Malformed) return reject(thrown.reason);
    throw thrown;
  }
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

function* readBody(body: Remainder): Part<string | null> {
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
  if (body.byteCount === 0) return null;
  const extensionsBytes = yield* readUint(body, 2);
  if (extensionsBytes !== body.byteCount) throw new Malformed('hello-length');
  return yield* readExtensions(body);
}

function* readExtensions(body: Remainder): Part<string | null> {
  let host: string | null = null;
  while (body.byteCount > 0) {
    const type = yield* readUint(body, 2);
    const length = yield* readUint(body, 2);
    body.use(length);
    if (type !== EXTENSION_SERVER_NAME) {
      yield* skip(length);
      continue;
    }
    // RFC 8446 4.2: no two extensions of one type.
    if (host !== null) throw new Malformed('sni-duplicate');
    if (length > SERVER_NAME_MAX_BYTES) throw new Malformed('sni-length');
    host = hostOf(yield* take(length));
  }
  return host;
}

/**
 * ServerNameList of RFC 6066 3: exactly one name and of type host_name, the only one there is and all that
 * OpenSSL accepts. An IPv4 address is let pass although RFC 6066 forbids it, since clients do send it and
 * it can name a site.
 */
function hostOf(list: Buffer): string {
  const isWhole = list.length > 5 && list.readUInt16BE(0) === list.length - 2;
  if (!isWhole || list[2] !== NAME_TYPE_HOST || list.readUInt16BE(3) !== list.length - 5) {
    throw new Malformed('sni-malformed');
  }
  const reading = readHost(list.toString('latin1', 5));
  if ('fault' in reading) throw new Malformed(`sni-${reading.fault}`);
  if (reading.host.startsWith('[')) throw new Malformed('sni-host-char');
  return reading.host;
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
