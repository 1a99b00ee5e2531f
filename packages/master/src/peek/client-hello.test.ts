// The ClientHello reader: the server name that it finds, however records cut it, and what it refuses.
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test } from 'node:test';
import { createServer } from 'node:tls';
import { ClientHelloReader } from './client-hello.js';
import {
  extension,
  helloMessage,
  nameEntry,
  realHelloMessage,
  serverName,
  toRecords,
  vector,
} from './hello.test.kit.js';
import type { RefusalReason } from './refusal-reason.js';
import { route } from './verdict.js';
import type { Verdict } from './verdict.js';

const LIMITS = { helloMaxBytes: 128 * 1024 };
const MORE: Verdict = { kind: 'more' };
const GREASE = extension(0x7a7a, Buffer.from([0]));
const ALPN = extension(16, Buffer.from([0, 3, 2, 0x68, 0x32]));
const HELLO = helloMessage({ extensions: [GREASE, serverName('a.com'), ALPN] });

const MALFORMED: readonly (readonly [string, Buffer, RefusalReason])[] = [
  ['another record type', Buffer.from([23]), 'tls-record-type'],
  ['an SSL 2 hello', Buffer.from([0x80, 0x2e, 1, 3, 1]), 'not-tls'],
  ['another major version', Buffer.from([22, 2]), 'tls-record-version'],
  ['an empty record', Buffer.from([22, 3, 1, 0, 0]), 'tls-record-empty'],
  ['a record above 2^14', Buffer.from([22, 3, 1, 0x40, 1]), 'tls-record-too-large'],
  [
    'an alert between fragments',
    Buffer.concat([toRecords(HELLO.subarray(0, 50)), Buffer.from([21])]),
    'tls-record-type',
  ],
  ['another handshake message', toRecords(Buffer.from([2, 0, 0, 38])), 'hello-type'],
  ['a hello that is too short', toRecords(Buffer.from([1, 0, 0, 33])), 'hello-length'],
  ['a long session id', records({ sessionId: Buffer.alloc(33) }), 'hello-session-id'],
  ['no cipher suites', records({ ciphers: Buffer.alloc(0) }), 'hello-cipher-suites'],
  ['half a cipher suite', records({ ciphers: Buffer.alloc(3) }), 'hello-cipher-suites'],
  ['no compression method', records({ compression: Buffer.alloc(0) }), 'hello-compression'],
  ['extensions longer than the message', toRecords(withLastBytes(helloMessage(), [0, 1])), 'hello-length'],
  ['bytes behind the extensions', toRecords(grown(HELLO)), 'hello-length'],
  ['half an extension', records({ extensions: [GREASE, Buffer.from([0, 16, 0])] }), 'hello-length'],
  ['an extension that is too long', records({ extensions: [Buffer.from([0, 16, 0, 1])] }), 'hello-length'],
  ['two server names', records({ extensions: [serverName('a.com'), serverName('a.com')] }), 'sni-duplicate'],
  ['an empty server_name', records({ extensions: [extension(0, Buffer.alloc(0))] }), 'sni-malformed'],
  ['an empty list of names', sni(vector(2, Buffer.alloc(0))), 'sni-malformed'],
  ['another type of name', sni(vector(2, nameEntry(1, 'a.com'))), 'sni-malformed'],
  [
    'two names in the list',
    sni(vector(2, Buffer.concat([nameEntry(0, 'a'), nameEntry(0, 'b')]))),
    'sni-malformed',
  ],
  [
    'a list shorter than it says',
    sni(Buffer.concat([Buffer.from([0, 9]), nameEntry(0, 'a.com')])),
    'sni-malformed',
  ],
  ['a name longer than its list', sni(vector(2, Buffer.from([0, 0, 9, 0x61]))), 'sni-malformed'],
  ['a name above 255 bytes', records({ extensions: [serverName('a'.repeat(256))] }), 'sni-length'],
  ['a NUL in the name', records({ extensions: [serverName('a\0.com')] }), 'sni-nul'],
];

void test('the server name is found, normalized, among extensions and GREASE', () => {
  assert.deepEqual(read(toRecords(HELLO)), routed('a.com', ['h2']));
  for (const [name, host] of [
    ['A.Com', 'a.com'],
    ['a.com.', 'a.com'],
    ['x_1.xn--bcher-kva.de', 'x_1.xn--bcher-kva.de'],
    ['127.0.0.1', '127.0.0.1'],
  ] as const) {
    assert.deepEqual(read(records({ extensions: [ALPN, serverName(name)] })), routed(host, ['h2']));
  }
});

void test('a hello without a server name, or without extensions, is routed without a host', () => {
  assert.deepEqual(read(records({ extensions: [GREASE, ALPN] })), routed(null, ['h2']));
  assert.deepEqual(read(records({ extensions: [] })), routed(null));
  assert.deepEqual(read(records({ extensions: undefined })), routed(null));
  assert.deepEqual(read(records({ extensions: undefined, sessionId: Buffer.alloc(0) })), routed(null));
});

void test('a server name that is no host name is one that no site has', () => {
  for (const name of ['', 'a.com:443', '::1', '[::1]', 'a..com', 'a!b.com', 'a%2ecom', 'a'.repeat(255)]) {
    assert.deepEqual(read(records({ extensions: [serverName(name)] })), routed(null), name);
  }
});

void test('protocols are told in the order of the client; what is no list of them is left to the worker', () => {
  const cases: [body: Buffer, alpn: string[] | null][] = [
    [
      vector(2, Buffer.concat([vector(1, Buffer.from('h2')), vector(1, Buffer.from('http/1.1'))])),
      ['h2', 'http/1.1'],
    ],
    [Buffer.alloc(0), null],
    [Buffer.from([0]), null],
    [vector(2, Buffer.from([0])), null],
    [vector(2, Buffer.from([3, 1, 2])), null],
    [Buffer.from([0, 9, 1, 65]), null],
    [vector(2, Buffer.alloc(1024, 1)), null],
  ];
  for (const [body, alpn] of cases) {
    const bytes = records({ extensions: [extension(16, body), serverName('a.com')] });
    assert.deepEqual(read(bytes), routed('a.com', alpn), body.toString('hex', 0, 20));
  }
});

void test('records of any version 3.x are read', () => {
  for (const minor of [0, 1, 2, 3, 4, 255]) {
    assert.deepEqual(read(toRecords(HELLO, 16_384, minor)), routed('a.com', ['h2']));
  }
});

void test('a malformed hello is refused with a reason', () => {
  for (const [what, bytes, reason] of MALFORMED) {
    assert.deepEqual(read(bytes), { kind: 'reject', status: 400, reason }, what);
  }
});

void test('bytes cut anywhere get the verdict of the whole', () => {
  const wholes = [toRecords(HELLO), toRecords(HELLO, 7), ...MALFORMED.map(([, bytes]) => bytes)];
  for (const whole of wholes) {
    const expected = read(whole);
    for (let cut = 0; cut <= whole.length; cut++) {
      assert.deepEqual(read(whole.subarray(0, cut), whole.subarray(cut)), expected, `cut at ${cut}`);
    }
    assert.deepEqual(read(...singleBytes(whole)), expected);
  }
});

void test('a hello is routed at its last byte and not before, in records of any size', () => {
  for (const fragmentBytes of [1, 2, 3, 5, 16, 100, HELLO.length - 1, HELLO.length]) {
    const bytes = toRecords(HELLO, fragmentBytes);
    assert.deepEqual(read(bytes.subarray(0, -1)), MORE, `fragments of ${fragmentBytes}`);
    assert.deepEqual(read(bytes), routed('a.com', ['h2']), `fragments of ${fragmentBytes}`);
  }
});

void test('a hello of 70 KB in records of one byte, pushed byte by byte, is read', () => {
  const padding = [extension(0x4a4a, Buffer.alloc(50_000)), extension(0x6a6a, Buffer.alloc(15_000))];
  const ciphers = Buffer.alloc(6000, 0x2a);
  const message = helloMessage({ ciphers, extensions: [...padding, serverName('a.com')] });
  assert.ok(message.length > 70 * 1000);
  const reader = new ClientHelloReader(LIMITS);
  const bytes = toRecords(message, 1);
  for (let i = 0; i < bytes.length - 1; i++) assert.equal(reader.push(bytes.subarray(i, i + 1)).kind, 'more');
  assert.deepEqual(reader.push(bytes.subarray(-1)), routed('a.com'));
});

void test('a hello of exactly the limit is read, a larger one is refused as soon as its length is known', () => {
  const bytes = toRecords(HELLO, 10);
  assert.deepEqual(readWithin(HELLO.length, bytes), routed('a.com', ['h2']));
  const tooLarge: Verdict = { kind: 'reject', status: 431, reason: 'hello-too-large' };
  assert.deepEqual(readWithin(HELLO.length - 1, bytes.subarray(0, 9)), tooLarge);
});

void test('what follows a hello is ignored, a verdict stays, and a pushed chunk may be overwritten', () => {
  const reader = new ClientHelloReader(LIMITS);
  const chunks = singleBytes(Buffer.concat([toRecords(HELLO, 20), Buffer.from([0, 0])]));
  const verdicts = chunks.map((chunk) => {
    const verdict = reader.push(chunk);
    chunk.fill(0);
    return verdict;
  });
  const toA = routed('a.com', ['h2']);
  assert.deepEqual(verdicts.slice(-3), [toA, toA, toA]);
});

void test("the name in the hello of Node's client is the one that Node's server reads from the same records", async () => {
  const names: string[] = [];
  const server = createServer({
    SNICallback: (name, done) => {
      names.push(name);
      done(new Error('the name is all that is wanted'));
    },
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const message = await realHelloMessage('x.a.com');
  for (const fragmentBytes of [1, 2, 7, 100, 16_384]) {
    const bytes = toRecords(message, fragmentBytes);
    assert.deepEqual(read(bytes), routed('x.a.com', ['h2', 'http/1.1']));
    await new Promise<void>((resolve) => {
      const client = connect(port, '127.0.0.1', () => client.write(bytes));
      client.on('error', () => client.destroy()).on('close', () => resolve());
      client.resume();
    });
    assert.deepEqual(names.splice(0), ['x.a.com'], `fragments of ${fragmentBytes}`);
  }
  await new Promise((resolve) => {
    server.close(resolve);
  });
});

function routed(host: string | null, alpn: string[] | null = null): Verdict {
  return route('tls', { host, alpn });
}

function read(...chunks: readonly Buffer[]): Verdict {
  return readWithin(LIMITS.helloMaxBytes, ...chunks);
}

function readWithin(helloMaxBytes: number, ...chunks: readonly Buffer[]): Verdict {
  const reader = new ClientHelloReader({ helloMaxBytes });
  let verdict = MORE;
  for (const chunk of chunks) verdict = reader.push(chunk);
  return verdict;
}

function records(parts: Parameters<typeof helloMessage>[0]): Buffer {
  return toRecords(helloMessage(parts));
}

function sni(list: Buffer): Buffer {
  return records({ extensions: [extension(0, list)] });
}

function singleBytes(bytes: Buffer): Buffer[] {
  return Array.from(bytes, (byte) => Buffer.from([byte]));
}

function withLastBytes(message: Buffer, bytes: readonly number[]): Buffer {
  return Buffer.concat([message.subarray(0, -bytes.length), Buffer.from(bytes)]);
}

/** One byte more in the message, which its header counts and its extensions do not. */
function grown(message: Buffer): Buffer {
  return Buffer.concat([
    message.subarray(0, 1),
    vector(3, Buffer.concat([message.subarray(4), Buffer.alloc(1)])),
  ]);
}
