// The choice between HTTP and TLS by listener and first byte.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FirstBytes } from './first-bytes.js';
import { helloMessage, serverName, toRecords } from './hello.test.kit.js';
import type { ListenerKind } from './first-bytes.js';
import type { RefusalReason } from './refusal-reason.js';
import { reject, route } from './verdict.js';
import type { Verdict } from './verdict.js';

const LIMITS = { headMaxBytes: 1000, helloMaxBytes: 1000 };
const HEAD = Buffer.from('GET / HTTP/1.1\r\nHost: a.com\r\n\r\n');
const HELLO = toRecords(helloMessage({ extensions: [serverName('a.com')] }));
const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

void test('each listener reads what it speaks, whole or byte by byte', () => {
  const cases: [ListenerKind, Buffer, Verdict][] = [
    ['tcp', HEAD, route('http1', { host: 'a.com', path: '/' })],
    ['tcp', PREFACE, route('http2')],
    ['ssl', HELLO, route('tls', { host: 'a.com' })],
  ];
  for (const [kind, bytes, expected] of cases) {
    assert.deepEqual(new FirstBytes(kind, LIMITS).push(bytes), expected);
    const peek = new FirstBytes(kind, LIMITS);
    const verdicts = Array.from(bytes, (byte) => peek.push(Buffer.from([byte])));
    assert.deepEqual(verdicts.pop(), expected);
    assert.ok(verdicts.every((verdict) => verdict.kind === 'more'));
  }
});

void test('TLS on a clear port and HTTP on a TLS port are refused at the first byte, for good', () => {
  const cases: [ListenerKind, Buffer, RefusalReason][] = [
    ['tcp', HELLO, 'tls-on-http-port'],
    ['ssl', HEAD, 'http-on-tls-port'],
    ['ssl', PREFACE, 'http-on-tls-port'],
    ['ssl', Buffer.from('\r\nGET / HTTP/1.1'), 'http-on-tls-port'],
  ];
  for (const [kind, bytes, reason] of cases) {
    const peek = new FirstBytes(kind, LIMITS);
    const refusal = reject(reason);
    assert.deepEqual(peek.push(bytes.subarray(0, 1)), refusal);
    assert.deepEqual(peek.push(bytes.subarray(1)), refusal);
  }
});

void test('bytes that are neither are refused by the reader of the listener', () => {
  const noise = Buffer.from([0x80, 0x2e]);
  assert.deepEqual(new FirstBytes('ssl', LIMITS).push(noise), reject('not-tls'));
  assert.deepEqual(new FirstBytes('tcp', LIMITS).push(noise), reject('method-unknown'));
});

void test('an empty chunk decides nothing', () => {
  const peek = new FirstBytes('tcp', LIMITS);
  assert.deepEqual(peek.push(Buffer.alloc(0)), { kind: 'more' });
  assert.equal(peek.push(HEAD).kind, 'route');
  assert.equal(peek.push(Buffer.alloc(0)).kind, 'route');
});

void test('the limits reach the reader', () => {
  const limits = { headMaxBytes: 10, helloMaxBytes: 10 };
  assert.deepEqual(new FirstBytes('tcp', limits).push(HEAD), reject('head-too-large'));
  assert.deepEqual(new FirstBytes('ssl', limits).push(HELLO), reject('hello-too-large'));
});
