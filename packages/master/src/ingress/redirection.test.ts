import assert from 'node:assert/strict';
import { test } from 'node:test';
import { redirection } from './redirection.js';

function locationOf(target: string, { port = 443, front = '' } = {}): string | undefined {
  const answer = redirection('a.test', port, `${front}GET ${target} HTTP/1.1\r\nHost: a.test\r\n\r\n`);
  return answer && /^Location: (.*)\r$/m.exec(answer.toString('latin1'))?.[1];
}

void test('a request is sent on to the same host and target, on the port of HTTPS', () => {
  assert.equal(locationOf('/'), 'https://a.test/');
  assert.equal(locationOf('/x/y?z=1&u=//b'), 'https://a.test/x/y?z=1&u=//b');
  assert.equal(locationOf('//evil.test/x'), 'https://a.test//evil.test/x');
  assert.equal(locationOf('/x', { port: 8443 }), 'https://a.test:8443/x');
  assert.equal(locationOf('/x', { front: '\r\n\r\n' }), 'https://a.test/x');
  assert.equal(locationOf('http://A.test:80/x?y'), 'https://a.test/x?y');
  assert.equal(locationOf('http://a.test?y'), 'https://a.test/?y');
  assert.equal(locationOf('http://a.test'), 'https://a.test/');
  assert.equal(locationOf('*'), 'https://a.test/');
  assert.equal(locationOf('a.test:443'), 'https://a.test/');
  assert.equal(locationOf('/\xe4'), 'https://a.test/%e4');
});

void test('the answer has no content and ends the connection', () => {
  const text = redirection('a.test', 443, 'HEAD / HTTP/1.0\r\nHost: a.test\r\n\r\n')?.toString() ?? '';
  assert.match(text, /^HTTP\/1\.1 308 Permanent Redirect\r\nDate: .*\r\nConnection: close\r\n/);
  assert.match(text, /\r\nContent-Length: 0\r\n\r\n$/);
});

void test('what a certificate authority asks for is served', () => {
  assert.equal(locationOf('/.well-known/acme-challenge/token'), undefined);
  assert.equal(locationOf('http://a.test/.well-known/acme-challenge/token'), undefined);
  assert.equal(locationOf('/.well-known/acme-challengex'), 'https://a.test/.well-known/acme-challengex');
});
