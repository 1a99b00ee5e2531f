// What a header of the PROXY protocol says, whole and in pieces, and malformed ones.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FirstBytes } from './first-bytes.js';
import { ProxiedBytes } from './proxied-bytes.js';
import { crc32c, PROXY_HEADER_MAX_BYTES, readProxyHeader } from './proxy-header.js';
import type { ProxyHeader } from './proxy-header.js';
import { binaryHeader, IPV4_ENDS, IPV6_ENDS, tlv, withChecksum } from './proxy-header.test.kit.js';
import type { ProxyFault } from './refusal-reason.js';
import { reject, route } from './verdict.js';

const LIMITS = { headMaxBytes: 1000, helloMaxBytes: 1000 };
const HEAD = Buffer.from('GET /x HTTP/1.1\r\nHost: a.com\r\n\r\n');

const IPV4 = {
  client: { address: '192.0.2.7', port: 40_001 },
  server: { address: '198.51.100.1', port: 443 },
};
const IPV6 = {
  client: { address: '2001:db8::7', port: 40_001 },
  server: { address: '2001:db8::1', port: 443 },
};
const NO_CHECKSUM: readonly [number, Buffer] = [3, Buffer.alloc(4)];

const GOOD: readonly (readonly [string, Buffer, ProxyHeader['ends']])[] = [
  ['TCP4', text('PROXY TCP4 192.0.2.7 198.51.100.1 40001 443'), IPV4],
  ['TCP6', text('PROXY TCP6 2001:DB8:0:0:0:0:0:7 2001:db8::1 40001 443'), IPV6],
  [
    'longest TCP4',
    text('PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535'),
    {
      client: { address: '255.255.255.255', port: 65_535 },
      server: { address: '255.255.255.255', port: 65_535 },
    },
  ],
  [
    'port 0',
    text('PROXY TCP4 0.0.0.0 0.0.0.0 0 0'),
    {
      client: { address: '0.0.0.0', port: 0 },
      server: { address: '0.0.0.0', port: 0 },
    },
  ],
  ['UNKNOWN', text('PROXY UNKNOWN'), undefined],
  ['longest UNKNOWN', text(`PROXY UNKNOWN ${'f'.repeat(91)}`), undefined],
  ['IPv4', binaryHeader(0x21, 0x11, IPV4_ENDS), IPV4],
  ['IPv6', binaryHeader(0x21, 0x21, IPV6_ENDS), IPV6],
  ['LOCAL', binaryHeader(0x20, 0, Buffer.alloc(0)), undefined],
  ['LOCAL, whatever its family and content', binaryHeader(0x20, 0x77, Buffer.alloc(300, 255)), undefined],
  ['UNSPEC, whatever its content', binaryHeader(0x21, 0, Buffer.alloc(30, 255)), undefined],
  ['UDP', binaryHeader(0x21, 0x12, IPV4_ENDS), undefined],
  ['Unix', binaryHeader(0x21, 0x31, Buffer.alloc(216, 97)), undefined],
  [
    'unknown TLVs',
    binaryHeader(0x21, 0x11, IPV4_ENDS, [
      [4, Buffer.alloc(0)],
      [0xee, Buffer.alloc(300, 1)],
    ]),
    IPV4,
  ],
  [
    'a checksum',
    withChecksum(binaryHeader(0x21, 0x21, IPV6_ENDS, [[1, Buffer.from('h2')], NO_CHECKSUM])),
    IPV6,
  ],
  [
    'as long as can be',
    binaryHeader(0x21, 0x11, IPV4_ENDS, [[0xe0, Buffer.alloc(PROXY_HEADER_MAX_BYTES - 31)]]),
    IPV4,
  ],
];

const BAD: readonly (readonly [string, Buffer, ProxyFault])[] = [
  ['plain HTTP', HEAD, 'proxy-header-missing'],
  ['a ClientHello', Buffer.from([0x16, 3, 1]), 'proxy-header-missing'],
  ['a method that begins alike', Buffer.from('PROPFIND / HTTP/1.1\r\n\r\n'), 'proxy-header-missing'],
  ['an empty line', Buffer.from('\r\nGET / HTTP/1.1'), 'proxy-header-missing'],
  ['a protocol in lower case', text('PROXY tcp4 192.0.2.7 198.51.100.1 40001 443'), 'proxy-header-malformed'],
  ['two spaces', text('PROXY TCP4  192.0.2.7 198.51.100.1 40001 443'), 'proxy-header-malformed'],
  ['a space behind', text('PROXY TCP4 192.0.2.7 198.51.100.1 40001 443 '), 'proxy-header-malformed'],
  ['a leading zero', text('PROXY TCP4 192.0.2.07 198.51.100.1 40001 443'), 'proxy-header-malformed'],
  ['a port with a leading zero', text('PROXY TCP4 192.0.2.7 198.51.100.1 040 443'), 'proxy-header-malformed'],
  ['a port too large', text('PROXY TCP4 192.0.2.7 198.51.100.1 65536 443'), 'proxy-header-malformed'],
  ['an address of the other family', text('PROXY TCP4 ::1 ::1 1 2'), 'proxy-header-malformed'],
  [
    'an address of the other family, the other way',
    text('PROXY TCP6 192.0.2.7 192.0.2.8 1 2'),
    'proxy-header-malformed',
  ],
  ['a zone', text('PROXY TCP6 fe80::1%lo fe80::1 1 2'), 'proxy-header-malformed'],
  ['a port less', text('PROXY TCP4 192.0.2.7 198.51.100.1 40001'), 'proxy-header-malformed'],
  ['UNKNOWN without its space', text('PROXY UNKNOWNx'), 'proxy-header-malformed'],
  ['a bare LF', Buffer.from('PROXY TCP4 192.0.2.7 198.51.100.1 40001 443\n'), 'proxy-header-malformed'],
  ['a bare CR', Buffer.from('PROXY UNKNOWN\rx\r\n'), 'proxy-header-malformed'],
  ['a line too long', text(`PROXY UNKNOWN ${'f'.repeat(92)}`), 'proxy-header-too-long'],
  ['version 1 as 2', binaryHeader(0x11, 0x11, IPV4_ENDS), 'proxy-header-malformed'],
  ['an unassigned command', binaryHeader(0x22, 0x11, IPV4_ENDS), 'proxy-header-malformed'],
  ['an unassigned family', binaryHeader(0x21, 0x41, IPV4_ENDS), 'proxy-header-malformed'],
  ['an unassigned protocol', binaryHeader(0x21, 0x13, IPV4_ENDS), 'proxy-header-malformed'],
  ['addresses cut short', binaryHeader(0x21, 0x21, IPV4_ENDS), 'proxy-header-malformed'],
  [
    'a TLV cut short',
    binaryHeader(0x21, 0x11, Buffer.concat([IPV4_ENDS, Buffer.from([4, 0])])),
    'proxy-header-malformed',
  ],
  [
    'a TLV that overruns',
    binaryHeader(0x21, 0x11, Buffer.concat([IPV4_ENDS, Buffer.from([4, 0, 9, 0])])),
    'proxy-header-malformed',
  ],
  [
    'a wrong checksum',
    binaryHeader(0x21, 0x11, IPV4_ENDS, [[3, Buffer.from([1, 2, 3, 4])]]),
    'proxy-header-checksum',
  ],
  [
    'a checksum of another size',
    binaryHeader(0x21, 0x11, IPV4_ENDS, [[3, Buffer.alloc(3)]]),
    'proxy-header-malformed',
  ],
  [
    'two checksums',
    binaryHeader(0x21, 0x11, IPV4_ENDS, [NO_CHECKSUM, NO_CHECKSUM]),
    'proxy-header-malformed',
  ],
  [
    'a header too long',
    binaryHeader(0x21, 0x11, IPV4_ENDS, [[0xe0, Buffer.alloc(PROXY_HEADER_MAX_BYTES - 30)]]),
    'proxy-header-too-long',
  ],
];

test('a header is read alike however it is cut, and not a byte of what follows is taken', () => {
  for (const [name, header, ends] of GOOD) {
    const whole: ProxyHeader = {
      kind: 'header',
      length: header.length,
      ...(ends === undefined ? {} : { ends }),
    };
    assert.deepEqual(readProxyHeader(Buffer.concat([header, HEAD])), whole, name);
    for (let end = 0; end < header.length; end++) {
      assert.equal(readProxyHeader(header.subarray(0, end)).kind, 'more', `${name}, ${end} bytes`);
    }
    for (let cut = 0; cut <= header.length; cut += header.length > 400 ? 97 : 1) {
      const reader = new ProxiedBytes(new FirstBytes('tcp', LIMITS));
      const verdicts = [header.subarray(0, cut), header.subarray(cut), HEAD].map((chunk) =>
        reader.push(chunk),
      );
      assert.deepEqual(
        verdicts.at(-1),
        route('http1', { host: 'a.com', path: '/x' }),
        `${name}, cut at ${cut}`,
      );
      assert.deepEqual(reader.header, whole);
    }
    const reader = new ProxiedBytes(new FirstBytes('tcp', LIMITS));
    const bytes = Buffer.concat([header, HEAD]);
    const verdicts = Array.from(bytes, (byte) => reader.push(Buffer.from([byte])));
    assert.equal(
      verdicts.findIndex(({ kind }) => kind !== 'more'),
      bytes.length - 1,
      name,
    );
    assert.deepEqual(reader.header, whole, name);
  }
});

test('what is no header is refused with the same reason however it is cut', () => {
  for (const [name, bytes, reason] of BAD) {
    assert.deepEqual(readProxyHeader(bytes), { kind: 'fault', reason }, name);
    const reader = new ProxiedBytes(new FirstBytes('tcp', LIMITS));
    const verdicts = Array.from(bytes, (byte) => reader.push(Buffer.from([byte])));
    assert.deepEqual(verdicts.at(-1), reject(reason), name);
    assert.deepEqual(reader.push(HEAD), reject(reason), name);
    assert.equal(reader.header, undefined, name);
  }
});

test('no bytes make the reader throw, or take more than there are', () => {
  const random = randomBytes(20_261_127);
  for (let round = 0; round < 4000; round++) {
    const [, header] = GOOD[round % GOOD.length] ?? ['', HEAD];
    const bytes = Buffer.from(header.length > 400 ? header.subarray(0, 400) : header);
    for (let flips = 1 + (round % 3); flips > 0; flips--) bytes[random() % bytes.length] = random();
    const reading = readProxyHeader(bytes);
    if (reading.kind === 'header') assert.ok(reading.length <= bytes.length && reading.length > 0);
  }
});

test('every byte of a header with a checksum counts', () => {
  const header = withChecksum(binaryHeader(0x21, 0x11, IPV4_ENDS, [NO_CHECKSUM]));
  for (let index = 0; index < header.length; index++) {
    const changed = Buffer.from(header);
    changed[index] = (changed[index] ?? 0) ^ 1;
    const reading = readProxyHeader(changed);
    // A LOCAL one is the balancer's own, one of an unspecified protocol has no ends, one
    // whose TLV is of another type has no checksum; the others are refused, or wait.
    if (![12, 13, 28].includes(index)) assert.notEqual(reading.kind, 'header', `byte ${index}`);
  }
});

test('the checksum is CRC-32C', () => {
  // RFC 3720 B.4: 32 bytes of zeros, and the catalogue's check value.
  assert.equal(crc32c(Buffer.alloc(32), 32), 0x8a91_36aa);
  assert.equal(crc32c(Buffer.from('123456789'), 9), 0xe306_9283);
  assert.equal(tlv(3, Buffer.alloc(4)).length, 7);
});

function text(line: string): Buffer {
  return Buffer.from(`${line}\r\n`, 'latin1');
}

/** The same bytes for a seed: a linear congruential generator. */
function randomBytes(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state >>> 16;
  };
}
