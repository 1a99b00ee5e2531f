// The head scanner: what it routes where, what it refuses and why, and that cutting a head changes nothing.
import assert from 'node:assert/strict';
import { METHODS } from 'node:http';
import { test } from 'node:test';
import { headBytes, REFUSED_HEADS, ROUTED_HEADS } from './head-table.test.kit.js';
import { HEAD_FIELDS_MAX_COUNT, HttpHeadScanner } from './http-head.js';
import type { Verdict } from './verdict.js';

const LIMITS = { headMaxBytes: 16_384 };

void test('a legal head is routed to the host that it names', () => {
  for (const [text, host] of ROUTED_HEADS) {
    assert.deepEqual(scan(headBytes(text)), { kind: 'route', protocol: 'http1', host }, text);
  }
});

void test('a head that could be read in two ways is refused with a reason', () => {
  for (const [text, reason, status = 400] of REFUSED_HEADS) {
    assert.deepEqual(scan(headBytes(text)), { kind: 'reject', status, reason }, JSON.stringify(text));
  }
});

void test('every method that this Node knows is routed', () => {
  for (const method of METHODS.filter((name) => name !== 'CONNECT')) {
    assert.equal(scan(headBytes(`${method} / HTTP/1.1|Host: a.com`)).kind, 'route', method);
  }
});

void test('a head cut at any byte, or into single bytes, gets the verdict of the whole', () => {
  for (const [text] of [...ROUTED_HEADS, ...REFUSED_HEADS]) {
    const whole = headBytes(text);
    const expected = scan(whole);
    for (let cut = 0; cut <= whole.length; cut++) {
      assert.deepEqual(scan(whole.subarray(0, cut), whole.subarray(cut)), expected, `${text} cut at ${cut}`);
    }
    assert.deepEqual(scan(...singleBytes(whole)), expected, text);
  }
});

void test('a head is routed at its last byte and not before', () => {
  for (const [text] of ROUTED_HEADS) {
    const whole = headBytes(text);
    assert.deepEqual(scan(whole.subarray(0, -1)), { kind: 'more' }, text);
  }
});

void test('what follows a head is ignored, and a verdict stays', () => {
  const scanner = new HttpHeadScanner(LIMITS);
  const route: Verdict = { kind: 'route', protocol: 'http1', host: 'a.com' };
  assert.deepEqual(scanner.push(headBytes('GET / HTTP/1.1|Host: a.com||\0Host: b.com')), route);
  assert.deepEqual(scanner.push(headBytes('GET / HTTP/1.1|Host: b.com')), route);
  const refusing = new HttpHeadScanner(LIMITS);
  const refusal = refusing.push(Buffer.from('x'));
  assert.deepEqual(refusing.push(headBytes('GET / HTTP/1.1|Host: a.com')), refusal);
});

void test('a chunk may be overwritten once it has been pushed: nothing is kept or read again', () => {
  const scanner = new HttpHeadScanner(LIMITS);
  const verdicts = singleBytes(headBytes('GET http://a.com/ HTTP/1.1|X: y|Host: a.com')).map((byte) => {
    const chunk = Buffer.from(byte);
    const verdict = scanner.push(chunk);
    chunk.fill(0);
    return verdict;
  });
  assert.deepEqual(verdicts.at(-1), { kind: 'route', protocol: 'http1', host: 'a.com' });
});

void test('bytes that are no HTTP are refused at the first one that shows it', () => {
  for (const [text, byteCount] of [
    ['x', 1],
    ['\u0016\u0003', 1],
    ['GEX', 3],
    ['SSH-2.0', 2],
    ['GETS /', 4],
  ] as const) {
    const bytes = Buffer.from(text, 'latin1');
    const verdict: Verdict = { kind: 'reject', status: 400, reason: 'method-unknown' };
    assert.deepEqual(scan(bytes.subarray(0, byteCount)), verdict, text);
    assert.deepEqual(scan(bytes.subarray(0, byteCount - 1)), { kind: 'more' }, text);
  }
});

void test('the HTTP/2 preface is routed as HTTP/2 without a host, at its last byte', () => {
  const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');
  const route: Verdict = { kind: 'route', protocol: 'http2', host: null };
  assert.deepEqual(scan(preface), route);
  assert.deepEqual(scan(...singleBytes(preface)), route);
  assert.deepEqual(scan(preface.subarray(0, -1)), { kind: 'more' });
});

void test('a head of exactly the limit is routed, one byte more is refused with 431', () => {
  const head = headBytes(`GET /${'x'.repeat(100)} HTTP/1.1|Host: a.com`);
  const tooLarge: Verdict = { kind: 'reject', status: 431, reason: 'head-too-large' };
  for (const cut of [0, 50, head.length - 1, head.length]) {
    const chunks = [head.subarray(0, cut), head.subarray(cut)];
    assert.equal(scanWithin(head.length, ...chunks).kind, 'route');
    assert.deepEqual(scanWithin(head.length - 1, ...chunks), tooLarge);
  }
  assert.deepEqual(scanWithin(8, Buffer.from('\r\n\r\nGET ')), tooLarge);
});

void test('a head has at most 1000 fields, wherever its Host field is', () => {
  const padding = 'a:|'.repeat(HEAD_FIELDS_MAX_COUNT - 1);
  assert.equal(scan(headBytes(`GET / HTTP/1.1|${padding}Host: a.com`)).kind, 'route');
  assert.deepEqual(scan(headBytes(`GET / HTTP/1.1|a:|${padding}Host: a.com`)), {
    kind: 'reject',
    status: 431,
    reason: 'too-many-fields',
  });
});

function singleBytes(bytes: Buffer): Buffer[] {
  return Array.from(bytes, (byte) => Buffer.from([byte]));
}

function scan(...chunks: readonly Buffer[]): Verdict {
  return scanWithin(LIMITS.headMaxBytes, ...chunks);
}

function scanWithin(headMaxBytes: number, ...chunks: readonly Buffer[]): Verdict {
  const scanner = new HttpHeadScanner({ headMaxBytes });
  let verdict: Verdict = { kind: 'more' };
  for (const chunk of chunks) verdict = scanner.push(chunk);
  return verdict;
}
