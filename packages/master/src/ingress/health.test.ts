// Which requests are health checks, and what they are answered.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Health } from './health.js';

function health(): Health {
  const made = new Health();
  made.path = '/healthz';
  return made;
}

test('GET and HEAD of the path are health checks, whatever the host and the query', () => {
  for (const head of [
    'GET /healthz HTTP/1.1\r\nHost: a.com\r\n\r\n',
    'GET /healthz HTTP/1.1\r\n\r\n',
    'GET /healthz HTTP/1.0\r\n\r\n',
    'HEAD /healthz?now HTTP/1.1\r\nHost:\r\n\r\n',
    '\r\nGET /healthz HTTP/1.1\r\n\r\n',
    'GET http://a.com/healthz HTTP/1.1\r\nHost: b.com\r\n\r\n',
  ]) {
    assert.ok(health().isAskedBy(head), head);
    assert.ok(health().isAskedBy(Buffer.from(head)), head);
  }
});

test('other requests are not, nor any without a path in the conf', () => {
  for (const head of [
    'POST /healthz HTTP/1.1\r\n\r\n',
    'GET /healthz/x HTTP/1.1\r\n\r\n',
    'GET /x?/healthz HTTP/1.1\r\n\r\n',
    'GET /HEALTHZ HTTP/1.1\r\n\r\n',
    'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    'GET /x HTTP/1.1\r\nX: GET /healthz HTTP/1.1\r\n\r\n',
  ])
    assert.ok(!health().isAskedBy(head), head);
  assert.ok(!new Health().isAskedBy('GET /healthz HTTP/1.1\r\n\r\n'));
});

test('the answer is 200 while it serves, else 503, and ends the connection; HEAD has no content', () => {
  const asked = health();
  for (const [state, status] of [
    ['starting', 503],
    ['serving', 200],
    ['stopping', 503],
  ] as const) {
    asked.state = state;
    const [head = '', body] = asked.answerTo('GET /healthz HTTP/1.0\r\n\r\n').toString().split('\r\n\r\n');
    assert.ok(head.startsWith(`HTTP/1.1 ${status} `), head);
    assert.match(head, /\r\nConnection: close\r\n/);
    assert.equal(body, `${state}\n`);
    const [ofHead, none] = asked.answerTo('HEAD /healthz HTTP/1.1\r\n\r\n').toString().split('\r\n\r\n');
    assert.equal(ofHead?.includes(`Content-Length: ${state.length + 1}`), true);
    assert.equal(none, '');
  }
});
