// What is known of a connection besides its bytes, in front of them in the frame that carries it to a worker and in
// the one that brings it back: a length and records, so that a process of another version skips what it does not know.
//
// Payload: [number, 4 bytes][length of the records, 2 bytes][records][bytes that were read from the connection].
// Record: [tag, 1 byte][length, 2 bytes][value]. Numbers are big endian. Absent records have their default.

/** An address and a port of TCP. */
export interface ConnectionEnd {
  readonly address: string;
  readonly port: number;
}

/** What is known of a connection. Never changed: connections share it. */
export interface ConnectionHeader {
  /** Key of the listener that accepted it. */
  readonly listener?: string | undefined;
  /** The client, where it is another than the socket's peer (PROXY protocol). */
  readonly client?: ConnectionEnd | undefined;
  /** Where that client connected. */
  readonly server?: ConnectionEnd | undefined;
  /** The router's proof that it has read the two. latin1 text. */
  readonly seal?: string | undefined;
  /** The host of the request that its bytes begin with, as the router read it. */
  readonly host?: string | undefined;
  /** Its client speaks TLS: the bytes are a ClientHello. */
  readonly secure: boolean;
  /** The bytes begin with a whole head that the router has read and let pass. */
  readonly peeked: boolean;
  /** A worker has served it before. */
  readonly handedBack: boolean;
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** A connection in a frame. */
export interface CarriedConnection {
  /** Counts from 1 for each direction of a link, without a gap; wraps at 2^32. */
  number: number;
  header: ConnectionHeader;
  /** What was read from the connection and not parsed. */
  bytes: Buffer;
}

/** Tags of the records. A tag is never given another meaning; a new one is ignored by older readers. */
const TAG_FLAGS = 1;
const TAG_LISTENER = 2;
const TAG_CLIENT = 3;
const TAG_HOST = 4;
const TAG_SERVER = 5;
const TAG_SEAL = 6;

/** Bits of the flags. Their number may grow: a reader looks at those that it knows. */
const SECURE = 1;
const PEEKED = 2;
const HANDED_BACK = 4;

const FRONT_BYTES = 6;
const RECORD_FRONT_BYTES = 3;

/**
 * The payload as latin1 text. `bytes` is latin1 text, too.
 * @throws {RangeError} when the records are longer than 65 535 bytes: they come from conf and parsers, which are stricter.
 */
export function encodeConnection(number: number, header: ConnectionHeader, bytes: string): string {
  const { listener, client, server, seal, host } = header;
  const flags =
    (header.secure ? SECURE : 0) | (header.peeked ? PEEKED : 0) | (header.handedBack ? HANDED_BACK : 0);
  let records = flags === 0 ? '' : FLAG_RECORDS[flags];
  if (listener !== undefined) records += record(TAG_LISTENER, listener);
  if (client !== undefined) records += record(TAG_CLIENT, endText(client));
  if (server !== undefined) records += record(TAG_SERVER, endText(server));
  if (seal !== undefined) records += record(TAG_SEAL, seal);
  if (host !== undefined) records += record(TAG_HOST, host);
  const length = records?.length ?? 0;
  if (length > 0xffff) throw new RangeError(`a connection header of ${length} bytes; the limit is 65535`);
  return (
    String.fromCharCode(
      number >>> 24,
      (number >>> 16) & 255,
      (number >>> 8) & 255,
      number & 255,
      length >>> 8,
      length & 255,
    ) +
    records +
    bytes
  );
}

/** The content of a payload, or `undefined` when it is none. */
export function decodeConnection(payload: Buffer): CarriedConnection | undefined {
  if (payload.length < FRONT_BYTES) return undefined;
  const end = FRONT_BYTES + payload.readUInt16BE(4);
  if (end > payload.length) return undefined;
  // Most connections of a process have one of a few headers.
  const records = payload.toString('latin1', FRONT_BYTES, end);
  let header = recent.get(records);
  if (header === undefined) {
    header = decodeHeader(payload, end);
    if (header === undefined) return undefined;
    // Each client behind a balancer has one of its own.
    if (header.client === undefined && records.length <= RECENT_MAX_BYTES) {
      if (recent.size >= RECENT_MAX_COUNT) recent.clear();
      recent.set(records, header);
    }
  }
  return { number: payload.readUInt32BE(0), header, bytes: payload.subarray(end) };
}

const recent = new Map<string, ConnectionHeader>();
const RECENT_MAX_COUNT = 64;
const RECENT_MAX_BYTES = 512;

function decodeHeader(payload: Buffer, end: number): ConnectionHeader | undefined {
  const header: Writable<ConnectionHeader> = { secure: false, peeked: false, handedBack: false };
  let offset = FRONT_BYTES;
  while (offset < end) {
    const start = offset + RECORD_FRONT_BYTES;
    if (start > end) return undefined;
    const next = start + payload.readUInt16BE(offset + 1);
    if (next > end) return undefined;
    if (!read(header, payload, start, next, payload[offset])) return undefined;
    offset = next;
  }
  return header;
}

/** Reads one record into the header; false when it cannot be one of its tag. */
function read(
  header: Writable<ConnectionHeader>,
  payload: Buffer,
  start: number,
  end: number,
  tag: number | undefined,
): boolean {
  if (tag === TAG_FLAGS) {
    if (end === start) return false;
    // What a later version appends to the flags is behind the first byte.
    const flags = payload.readUInt8(start);
    header.secure = (flags & SECURE) !== 0;
    header.peeked = (flags & PEEKED) !== 0;
    header.handedBack = (flags & HANDED_BACK) !== 0;
  } else if (tag === TAG_LISTENER) {
    header.listener = payload.toString('latin1', start, end);
  } else if (tag === TAG_CLIENT) {
    if (end - start < END_MIN_BYTES) return false;
    header.client = endAt(payload, start, end);
  } else if (tag === TAG_SERVER) {
    if (end - start < END_MIN_BYTES) return false;
    header.server = endAt(payload, start, end);
  } else if (tag === TAG_SEAL) {
    header.seal = payload.toString('latin1', start, end);
  } else if (tag === TAG_HOST) {
    header.host = payload.toString('latin1', start, end);
  }
  return true;
}

function endText({ address, port }: ConnectionEnd): string {
  return String.fromCharCode(port >>> 8, port & 255) + address;
}

function endAt(payload: Buffer, start: number, end: number): ConnectionEnd {
  return { address: payload.toString('latin1', start + 2, end), port: payload.readUInt16BE(start) };
}

const END_MIN_BYTES = 3;

function record(tag: number, value: string): string {
  return String.fromCharCode(tag, value.length >>> 8, value.length & 255) + value;
}

const FLAG_RECORDS: readonly string[] = Array.from({ length: 8 }, (_, flags) =>
  record(TAG_FLAGS, String.fromCharCode(flags)),
);
