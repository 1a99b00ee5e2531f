// The readings of a request's host: what needs no second look, and the strict one for what no master has read.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hostOf, plainHost, strictHost } from './request-host.js';
import type { RequestHead, StrictReading } from './request-host.js';

function head(line: string, ...rawHeaders: string[]): RequestHead {
  const [method, url, version = ''] = line.split(' ');
  return { method, url, httpVersion: version.slice('HTTP/'.length), rawHeaders };
}

void test('a request with a path and one host needs no second look', () => {
  const cases: [RequestHead, string | null][] = [
    [head('GET / HTTP/1.1', 'Host', 'a.test'), 'a.test'],
    [head('GET /x?y=[1]|" HTTP/1.1', 'X', 'y', 'hOsT', 'A.test:80'), 'A.test:80'],
    [head('POST / HTTP/1.1', 'Host', 'a.test', 'Transfer-Encoding', 'chunked'), 'a.test'],
    [head('GET / HTTP/1.0', 'Host', 'a.test'), 'a.test'],
    [head('GET / HTTP/1.0'), null],
    [head('GET / HTTP/1.1', 'Host', ''), ''],
  ];
  for (const [request, value] of cases) assert.equal(plainHost(request), value, JSON.stringify(request));
});

void test('whatever the master could refuse or read otherwise needs one', () => {
  const cases: RequestHead[] = [
    head('GET / HTTP/1.1'),
    head('GET / HTTP/1.1', 'Host', 'a.test', 'host', 'a.test'),
    head('GET /x#y HTTP/1.1', 'Host', 'a.test'),
    head('GET /\u00e9 HTTP/1.1', 'Host', 'a.test'),
    head('GET http://a.test/ HTTP/1.1', 'Host', 'a.test'),
    head('OPTIONS * HTTP/1.1', 'Host', 'a.test'),
    head('CONNECT a.test:443 HTTP/1.1', 'Host', 'a.test:443'),
    head('POST / HTTP/1.0', 'Host', 'a.test', 'Transfer-Encoding', 'chunked'),
    head('POST / HTTP/1.1', 'Host', 'a.test', 'Transfer-Encoding', 'gzip, chunked'),
    head('POST / HTTP/1.1', 'Host', 'a.test', 'Transfer-Encoding', 'gzip', 'Transfer-Encoding', 'chunked'),
    head('GET / HTTP/2.0', 'Host', 'a.test'),
    head('GET / HTTP/0.9', 'Host', 'a.test'),
  ];
  for (const request of cases) assert.equal(plainHost(request), undefined, JSON.stringify(request));
});

void test('a host is what the master makes of it', () => {
  assert.equal(hostOf('A.test.:80'), 'a.test');
  assert.equal(hostOf('[0::1]'), '[::1]');
  for (const value of [null, '', 'a!b', 'a%2etest', 'a..b']) assert.equal(hostOf(value), null, String(value));
  for (const value of ['a b', 'a/b', 'u@a', 'a:x', '\u00fc']) assert.equal(hostOf(value), undefined, value);
});

void test('on TLS a request is refused where it could be read in two ways', () => {
  const cases: [RequestHead, StrictReading][] = [
    [head('GET / HTTP/1.1', 'Host', 'A.test'), { kind: 'host', host: 'a.test' }],
    [head('GET / HTTP/1.1', 'Host', 'a!b'), { kind: 'host', host: null }],
    [head('GET / HTTP/1.1', 'Host', ''), { kind: 'host', host: null }],
    [head('OPTIONS * HTTP/1.1', 'Host', 'a.test'), { kind: 'host', host: 'a.test' }],
    [head('CONNECT x:1 HTTP/1.1', 'Host', 'a.test'), { kind: 'host', host: 'a.test' }],
    [head('GET / HTTP/1.0'), { kind: 'none' }],
    [head('GET / HTTP/1.1'), { kind: 'none' }],
    [head('GET http://a.test/ HTTP/1.1'), { kind: 'none' }],
    [head('GET * HTTP/1.1', 'Host', 'a.test'), { kind: 'invalid', reason: 'target-form' }],
    [head('GET /#x HTTP/1.1', 'Host', 'a.test'), { kind: 'invalid', reason: 'target-fragment' }],
    [
      head('GET / HTTP/1.1', 'Host', 'a.test', 'Host', 'a.test'),
      { kind: 'invalid', reason: 'host-duplicate' },
    ],
    [head('GET / HTTP/1.1', 'Host', 'a.test/x'), { kind: 'invalid', reason: 'host-path' }],
    [head('GET ftp://a.test/ HTTP/1.1', 'Host', 'a.test'), { kind: 'invalid', reason: 'target-form' }],
    [
      head('GET http://u@a.test/ HTTP/1.1', 'Host', 'a.test'),
      { kind: 'invalid', reason: 'target-host-userinfo' },
    ],
    [
      head('POST / HTTP/1.0', 'Host', 'a.test', 'Transfer-Encoding', 'chunked'),
      { kind: 'invalid', reason: 'transfer-encoding-on-1.0' },
    ],
    [
      head('POST / HTTP/1.1', 'Host', 'a.test', 'Transfer-Encoding', 'gzip', 'Transfer-Encoding', 'chunked'),
      { kind: 'invalid', reason: 'transfer-encoding-duplicate' },
    ],
    [head('GET /\u00e9 HTTP/1.1', 'Host', 'a.test'), { kind: 'invalid', reason: 'target-char' }],
    [head('GET http:// HTTP/1.1', 'Host', 'a.test'), { kind: 'invalid', reason: 'target-host-empty' }],
  ];
  for (const [request, reading] of cases)
    assert.deepEqual(strictHost(request), reading, JSON.stringify(request));
});

void test('on TLS the authority of an absolute target takes the place of the Host field', () => {
  const other = head('GET https://a.test/x HTTP/1.1', 'X', 'y', 'Host', 'b.test');
  assert.deepEqual(strictHost(other), { kind: 'host', host: 'a.test' });
  assert.deepEqual(other.rawHeaders, ['X', 'y', 'Host', 'a.test']);
  const none = head('GET https://a.test HTTP/1.0');
  assert.deepEqual(strictHost(none), { kind: 'host', host: 'a.test' });
  assert.deepEqual(none.rawHeaders, ['Host', 'a.test']);
  const same = head('GET https://A.test/ HTTP/1.1', 'Host', 'a.test');
  assert.deepEqual(strictHost(same), { kind: 'host', host: 'a.test' });
  assert.deepEqual(same.rawHeaders, ['Host', 'a.test']);
});
