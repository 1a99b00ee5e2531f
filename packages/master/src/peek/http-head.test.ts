// The head scanner: what it routes where, what it refuses and why, and that cutting a head changes nothing.
import assert from 'node:assert/strict';
import { METHODS } from 'node:http';
import { test } from 'node:test';
import { EDITED_HEADS, headBytes, REFUSED_HEADS, ROUTED_HEADS } from './head-table.test.kit.js';
import { HEAD_FIELDS_MAX_COUNT, HttpHeadScanner } from './http-head.js';
import { route } from './verdict.js';
import type { Verdict } from './verdict.js';

const LIMITS = { headMaxBytes: 16_384 };
const TOO_LARGE: Verdict = { kind: 'reject', status: 431, reason: 'head-too-large' };

void test('a legal head is routed to the host that it names', () => {
  for (const [text, host] of ROUTED_HEADS) {
    const verdict = scan(headBytes(text));
    assert.ok(verdict.kind === 'route' && verdict.protocol === 'http1', JSON.stringify([text, verdict]));
    assert.deepEqual([verdict.host, verdict.edit, verdict.alpn], [host, null, null], text);
  }
});

void test('the authority of an absolute target takes the place of the Host field, for the worker, too', () => {
  for (const [sent, passed, host] of EDITED_HEADS) {
    const head = headBytes(sent);
    const verdict = scan(head);
    assert.ok(verdict.kind === 'route' && verdict.edit !== null, sent);
    const { from, to, text } = verdict.edit;
    const edited = head.toString('latin1', 0, from) + text + head.toString('latin1', to);
    assert.equal(edited, headBytes(passed).toString('latin1'), sent);
    assert.equal(verdict.host, host, sent);
    const again = scan(headBytes(passed));
    assert.ok(again.kind === 'route' && again.edit === null && again.host === host, passed);
  }
});

void test('the path of a target is what stands before its query, as it was sent', () => {
  const cases: [target: string, path: string | null][] = [
    ['/', '/'],
    ['/healthz', '/healthz'],
    ['/%68ealthz?x=/y', '/%68ealthz'],
    ['/?', '/'],
    ['//x?y?z', '//x'],
    ['http://a.com', '/'],
    ['http://a.com?x/y', '/'],
    ['http://a.com/x/y?z', '/x/y'],
  ];
  for (const [target, path] of cases) {
    const head = headBytes(`GET ${target} HTTP/1.1|Host: a.com`);
    for (const chunks of [[head], singleBytes(head)]) {
      const verdict = scan(...chunks);
      assert.deepEqual(verdict, route('http1', { host: 'a.com', path }), target);
    }
  }
  for (const line of ['OPTIONS * HTTP/1.1', 'CONNECT a.com:443 HTTP/1.1']) {
    assert.deepEqual(scan(headBytes(`${line}|Host: a.com`)), route('http1', { host: 'a.com' }), line);
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
  for (const [text] of [...ROUTED_HEADS, ...EDITED_HEADS, ...REFUSED_HEADS]) {
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
  const toA = route('http1', { host: 'a.com', path: '/' });
  assert.deepEqual(scanner.push(headBytes('GET / HTTP/1.1|Host: a.com||\0Host: b.com')), toA);
  assert.deepEqual(scanner.push(headBytes('GET / HTTP/1.1|Host: b.com')), toA);
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
  assert.deepEqual(verdicts.at(-1), route('http1', { host: 'a.com', path: '/' }));
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
  assert.deepEqual(scan(preface), route('http2'));
  assert.deepEqual(scan(...singleBytes(preface)), route('http2'));
  assert.deepEqual(scan(preface.subarray(0, -1)), { kind: 'more' });
});

void test('target, names and values together stay below the limit; what is around them is not counted', () => {
  const around = '|'.repeat(10);
  const head = headBytes(`${around}GET /${'x'.repeat(100)}?y HTTP/1.1|Host:   a.com|X: y \t`);
  const countedBytes = '/?yHosta.comXy \t'.length + 100;
  for (const cut of [0, 50, head.length - 1, head.length]) {
    const chunks = [head.subarray(0, cut), head.subarray(cut)];
    assert.equal(scanWithin(countedBytes + 1, ...chunks).kind, 'route');
    assert.deepEqual(scanWithin(countedBytes, ...chunks), TOO_LARGE);
    assert.deepEqual(scanWithin(countedBytes, ...singleBytes(head)), TOO_LARGE);
  }
});

void test('what is around them may take as many bytes again', () => {
  const request = 'GET / HTTP/1.1|Host: a.com';
  const restBytes = headBytes(request).length;
  const within = headBytes('|'.repeat((2 * 200 - restBytes - 1) >> 1) + request);
  assert.equal(scanWithin(200, within).kind, 'route');
  assert.deepEqual(scanWithin(200, headBytes(`${'|'.repeat(200)}${request}`)), TOO_LARGE);
  assert.deepEqual(scanWithin(200, headBytes(`GET / HTTP/1.1|Host:${' '.repeat(400)}a.com`)), TOO_LARGE);
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
