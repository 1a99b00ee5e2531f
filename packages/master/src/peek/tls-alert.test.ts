// The alert of each reason, held against what OpenSSL sends for the same bytes.
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after, before, test } from 'node:test';
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
  withServerName,
} from './hello.test.kit.js';
import { tlsAlert } from './tls-alert.js';

// Without a certificate: a hello without a fault ends with handshake_failure.
const server = createServer().on('tlsClientError', () => undefined);
const HANDSHAKE_FAILURE = '15030300020228';
const HELLO = helloMessage({ extensions: [serverName('a.com')] });

before(
  () =>
    new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    }),
);
after(
  () =>
    new Promise((resolve) => {
      server.close(resolve);
    }),
);

void test('a hello with a fault is answered with the alert that OpenSSL has for it', async () => {
  const real = await realHelloMessage('a.com');
  const withName = (entry: Buffer): Buffer => toRecords(withServerName(real, extension(0, vector(2, entry))));
  const faults: [what: string, bytes: Buffer][] = [
    ['a record of application data', Buffer.from([23, 3, 1, 0, 1, 0])],
    ['an SSL 2 hello', Buffer.from([0x80, 0x2e, 1, 3, 1])],
    ['another major version', Buffer.from([22, 2, 0, 0, 1, 1])],
    ['a record above 2^14', Buffer.concat([Buffer.from([22, 3, 1, 0x48, 1]), Buffer.alloc(0x4801)])],
    [
      'an alert in between',
      Buffer.concat([toRecords(HELLO.subarray(0, 50)), Buffer.from([21, 3, 1, 0, 2, 2, 10])]),
    ],
    ['another message', toRecords(Buffer.concat([Buffer.from([2, 0, 0, 38]), Buffer.alloc(38)]))],
    ['a short hello', toRecords(Buffer.concat([Buffer.from([1, 0, 0, 33]), Buffer.alloc(33)]))],
    ['a long session id', toRecords(helloMessage({ sessionId: Buffer.alloc(33) }))],
    ['half a cipher suite', toRecords(helloMessage({ ciphers: Buffer.alloc(3) }))],
    ['no compression', toRecords(helloMessage({ compression: Buffer.alloc(0) }))],
    ['two server names', toRecords(helloMessage({ extensions: [serverName('a.com'), serverName('a.com')] }))],
    ['an empty list of names', withName(Buffer.alloc(0))],
    ['another type of name', withName(nameEntry(1, 'a.com'))],
    ['two names', withName(Buffer.concat([nameEntry(0, 'a'), nameEntry(0, 'b')]))],
    ['a long name', withName(nameEntry(0, 'a'.repeat(256)))],
    ['a NUL', withName(nameEntry(0, 'a\0.com'))],
    ['a large hello', toRecords(Buffer.concat([Buffer.from([1]), vector(3, Buffer.alloc(140_000))]))],
  ];
  for (const [what, bytes] of faults) {
    const verdict = new ClientHelloReader({ helloMaxBytes: 128 * 1024 }).push(bytes);
    assert.ok(verdict.kind === 'reject', what);
    // The version that a record states differs before a version is agreed on, and means nothing.
    const ours = tlsAlert(verdict.reason)?.toString('hex') ?? '';
    assert.equal(alertOf(ours), alertOf(await answerOfOpenssl(bytes)), `${what}: ${verdict.reason}`);
  }
});

void test('OpenSSL takes what is no host name for a name, and so does the reader', async () => {
  const real = await realHelloMessage('a.com');
  for (const name of ['', 'a.com:443', '::1', 'a..com', 'a'.repeat(255)]) {
    const bytes = toRecords(withServerName(real, serverName(name)));
    assert.equal(new ClientHelloReader({ helloMaxBytes: 128 * 1024 }).push(bytes).kind, 'route', name);
    assert.equal(await answerOfOpenssl(bytes), HANDSHAKE_FAILURE, name);
  }
});

void test('a name without a site and a site without a worker have alerts of their own', () => {
  assert.equal(tlsAlert('no-site')?.toString('hex'), '15030300020270');
  assert.equal(tlsAlert('no-worker')?.toString('hex'), '15030300020250');
  assert.equal(tlsAlert('site-stopped')?.toString('hex'), '15030300020250');
  assert.equal(tlsAlert('maintenance')?.toString('hex'), '15030300020250');
  assert.equal(tlsAlert('head-timeout'), null);
});

/** Level and description. */
function alertOf(record: string): string {
  return record.slice(10);
}

function answerOfOpenssl(bytes: Buffer): Promise<string> {
  return new Promise((resolve) => {
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const client = connect(port, '127.0.0.1', () => client.end(bytes));
    let answer = Buffer.alloc(0);
    client.on('data', (chunk: Buffer) => (answer = Buffer.concat([answer, chunk])));
    client.on('error', () => client.destroy());
    client.on('close', () => resolve(answer.toString('hex')));
  });
}
