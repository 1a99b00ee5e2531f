// Reads the header of the PROXY protocol, versions 1 and 2, with which a balancer says whose connection it passes on.
// Source: https://www.haproxy.org/download/3.2/doc/proxy-protocol.txt, sections 2.1 and 2.2. Pure.
import { isIPv4, isIPv6, SocketAddress } from 'node:net';
import type { ProxyFault } from './refusal-reason.js';

/** An address and a port of TCP. The address is in Node's spelling. */
export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

/** What a header says. */
export interface ProxyHeader {
  readonly kind: 'header';
  /** Bytes that it takes; what follows is the client's. */
  readonly length: number;
  /**
   * The client, and where it connected. Absent where the connection is the balancer's own (LOCAL), or of a kind without
   * addresses (UNKNOWN, UNSPEC, UDP, Unix sockets): then those of the connection itself hold.
   */
  readonly ends?: { readonly client: Endpoint; readonly server: Endpoint };
}

/** `more`: not enough bytes yet. */
export type ProxyReading =
  { readonly kind: 'more' } | ProxyHeader | { readonly kind: 'fault'; readonly reason: ProxyFault };

/** Longest header of version 2, TLVs included: as nginx. The protocol's own limit is 65 551. */
export const PROXY_HEADER_MAX_BYTES = 4096;

/** Reads what a connection begins with. It is a fault at the first byte that shows it. */
export function readProxyHeader(bytes: Buffer): ProxyReading {
  if (bytes.length === 0) return MORE;
  return bytes[0] === CR ? readBinary(bytes) : readText(bytes);
}

function readText(bytes: Buffer): ProxyReading {
  const begin = bytes.toString('latin1', 0, Math.min(bytes.length, TEXT_BEGIN.length));
  if (!TEXT_BEGIN.startsWith(begin)) return fault('proxy-header-missing');
  const text = bytes.toString('latin1', 0, Math.min(bytes.length, TEXT_MAX_BYTES));
  const end = /[\r\n]/.exec(text)?.index ?? -1;
  if (end === -1) return text.length === TEXT_MAX_BYTES ? fault('proxy-header-too-long') : MORE;
  if (end === text.length - 1 && text.endsWith('\r')) {
    return text.length === TEXT_MAX_BYTES ? fault('proxy-header-too-long') : MORE;
  }
  if (!text.startsWith('\r\n', end)) return fault('proxy-header-malformed');
  const line = text.slice(0, end);
  const length = end + 2;
  // The rest of such a line is to be ignored.
  if (/^PROXY UNKNOWN(?: |$)/.test(line)) return { kind: 'header', length };
  const [, family, client = '', server = '', clientPort, serverPort] = TEXT_LINE.exec(line) ?? [];
  const isAddress = family === '4' ? isIPv4 : isIPv6;
  const ends = {
    client: { address: client, port: Number(clientPort) },
    server: { address: server, port: Number(serverPort) },
  };
  if (
    family === undefined ||
    !Object.values(ends).every(({ address, port }) => isAddress(address) && port <= 65_535)
  )
    return fault('proxy-header-malformed');
  if (family === '4') return { kind: 'header', length, ends };
  return {
    kind: 'header',
    length,
    ends: {
      client: { ...ends.client, address: canonical(client) },
      server: { ...ends.server, address: canonical(server) },
    },
  };
}

function readBinary(bytes: Buffer): ProxyReading {
  const known = Math.min(bytes.length, SIGNATURE.length);
  if (bytes.compare(SIGNATURE, 0, known, 0, known) !== 0) return fault('proxy-header-missing');
  const command = bytes[12];
  if (command === undefined) return MORE;
  if (command !== LOCAL && command !== PROXY) return fault('proxy-header-malformed');
  const family = bytes[13];
  if (family === undefined) return MORE;
  // Of a LOCAL one the family is to be ignored as well.
  const addressBytes = command === LOCAL ? 0 : ADDRESS_BYTES[family];
  if (addressBytes === undefined) return fault('proxy-header-malformed');
  if (bytes.length < FRONT_BYTES) return MORE;
  const length = FRONT_BYTES + bytes.readUInt16BE(14);
  if (length > PROXY_HEADER_MAX_BYTES) return fault('proxy-header-too-long');
  if (length < FRONT_BYTES + addressBytes) return fault('proxy-header-malformed');
  if (bytes.length < length) return MORE;
  if (addressBytes === 0) return { kind: 'header', length };
  const reason = faultOfTlvs(bytes.subarray(0, length), FRONT_BYTES + addressBytes);
  if (reason !== undefined) return fault(reason);
  if (family === TCP4) return { kind: 'header', length, ends: endsOf(bytes, 4, ipv4At) };
  if (family === TCP6) return { kind: 'header', length, ends: endsOf(bytes, 16, ipv6At) };
  return { kind: 'header', length };
}

function endsOf(
  bytes: Buffer,
  size: number,
  addressAt: (bytes: Buffer, offset: number) => string,
): { client: Endpoint; server: Endpoint } {
  const ports = FRONT_BYTES + 2 * size;
  return {
    client: { address: addressAt(bytes, FRONT_BYTES), port: bytes.readUInt16BE(ports) },
    server: { address: addressAt(bytes, FRONT_BYTES + size), port: bytes.readUInt16BE(ports + 2) },
  };
}

function ipv4At(bytes: Buffer, offset: number): string {
  return bytes.subarray(offset, offset + 4).join('.');
}

function ipv6At(bytes: Buffer, offset: number): string {
  return canonical((bytes.toString('hex', offset, offset + 16).match(/.{4}/g) ?? []).join(':'));
}

function canonical(ipv6: string): string {
  return new SocketAddress({ address: ipv6, family: 'ipv6' }).address;
}

/** What is wrong with the TLVs from `offset` to the end of the header. Those of unknown types are passed over. */
function faultOfTlvs(header: Buffer, start: number): ProxyFault | undefined {
  let checksumAt: number | undefined;
  let offset = start;
  while (offset < header.length) {
    const value = offset + 3;
    if (value > header.length) return 'proxy-header-malformed';
    const next = value + header.readUInt16BE(offset + 1);
    if (next > header.length) return 'proxy-header-malformed';
    if (header[offset] === TLV_CRC32C) {
      if (checksumAt !== undefined || next - value !== 4) return 'proxy-header-malformed';
      checksumAt = value;
    }
    offset = next;
  }
  if (checksumAt === undefined) return undefined;
  return header.readUInt32BE(checksumAt) === crc32c(header, checksumAt) ? undefined : 'proxy-header-checksum';
}

/** CRC-32C (Castagnoli, RFC 9260 appendix A), the four bytes at `zeroAt` taken as zero. */
export function crc32c(bytes: Buffer, zeroAt: number): number {
  let crc = 0xffff_ffff;
  for (const [index, byte] of bytes.entries()) {
    crc ^= index >= zeroAt && index < zeroAt + 4 ? 0 : byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ ((crc & 1) === 1 ? 0x82f6_3b78 : 0);
  }
  return ~crc >>> 0;
}

function fault(reason: ProxyFault): ProxyReading {
  return { kind: 'fault', reason };
}

const MORE: ProxyReading = { kind: 'more' };
const CR = 0x0d;

const TEXT_BEGIN = 'PROXY ';
/** Section 2.1, CRLF included. */
const TEXT_MAX_BYTES = 107;
const TEXT_LINE = /^PROXY TCP([46]) ([\d.:A-Fa-f]+) ([\d.:A-Fa-f]+) (0|[1-9]\d{0,4}) (0|[1-9]\d{0,4})$/;

const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
/** Signature, version and command, family and protocol, length. */
const FRONT_BYTES = 16;
const LOCAL = 0x20;
const PROXY = 0x21;
const TCP4 = 0x11;
const TCP6 = 0x21;
/** What the addresses of a family and protocol take. Of an unspecified one all that follows is to be ignored. */
const ADDRESS_BYTES: Readonly<Record<number, number>> = {
  0x00: 0,
  0x01: 0,
  0x02: 0,
  0x10: 0,
  0x20: 0,
  0x30: 0,
  [TCP4]: 12,
  0x12: 12,
  [TCP6]: 36,
  0x22: 36,
  0x31: 216,
  0x32: 216,
};
const TLV_CRC32C = 0x03;
