// Headers of the PROXY protocol as balancers send them.
import { crc32c } from './proxy-header.js';

/** A header of version 2. `tlvs`: type and value of each. */
export function binaryHeader(
  command: number,
  family: number,
  addresses: Buffer,
  tlvs: readonly (readonly [type: number, value: Buffer])[] = [],
): Buffer {
  const content = Buffer.concat([addresses, ...tlvs.map(([type, value]) => tlv(type, value))]);
  const front = Buffer.from('\r\n\r\n\0\r\nQUIT\n\0\0\0\0', 'latin1');
  front[12] = command;
  front[13] = family;
  front.writeUInt16BE(content.length, 14);
  return Buffer.concat([front, content]);
}

export function tlv(type: number, value: Buffer): Buffer {
  return Buffer.concat([Buffer.from([type, value.length >> 8, value.length & 255]), value]);
}

/** 192.0.2.7:40001 to 198.51.100.1:443. */
export const IPV4_ENDS: Buffer = Buffer.from([192, 0, 2, 7, 198, 51, 100, 1, 0x9c, 0x41, 1, 187]);

/** [2001:db8::7]:40001 to [2001:db8::1]:443. */
export const IPV6_ENDS: Buffer = Buffer.from(
  '20010db800000000000000000000000720010db80000000000000000000000019c4101bb',
  'hex',
);

/** The header with its checksum in the place of the four zeros that its last TLV has. */
export function withChecksum(header: Buffer): Buffer {
  const sealed = Buffer.from(header);
  sealed.writeUInt32BE(crc32c(header, header.length - 4), header.length - 4);
  return sealed;
}
