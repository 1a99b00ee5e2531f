import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Challenges } from './challenges.js';
import type { Connection } from './connection.js';

const HOST = 'a.test';
const PENDING = {
  http: [{ host: HOST, token: 'tok_en-1', keyAuthorization: 'tok_en-1.thumb' }],
  tls: [HOST],
};

function connection(fields: Partial<Connection>): Connection {
  return { host: HOST, secure: false, head: '', ...fields } as Connection;
}

function request(target: string, method = 'GET'): Connection {
  return connection({ head: `${method} ${target} HTTP/1.1\r\nHost: ${HOST}\r\n\r\n` });
}

void test('a request in clear for an ordered proof is answered; every other one is for the sites', () => {
  const challenges = new Challenges();
  const path = '/.well-known/acme-challenge/tok_en-1';
  assert.equal(challenges.answerTo(request(path)), undefined);
  challenges.set(PENDING);
  for (const target of [path, `http://a.test${path}`]) {
    const answer = challenges.answerTo(request(target))?.toString() ?? '';
    assert.match(answer, /^HTTP\/1\.1 200 OK\r\n[^]*\r\nContent-Length: 14\r\n\r\ntok_en-1\.thumb$/);
  }
  for (const other of [
    request('/.well-known/acme-challenge/tok_en-2'),
    request(`${path}?x`),
    request(`${path}/x`),
    request(path, 'POST'),
    { ...request(path), host: 'b.test' },
    { ...request(path), host: null },
    { ...request(path), secure: true },
  ])
    assert.equal(challenges.answerTo(other), undefined);
  challenges.set({ http: [], tls: [] });
  assert.equal(challenges.answerTo(request(path)), undefined);
});

void test('a hello is taken that asks for nothing but an ordered proof, while there is somebody to give it', () => {
  const challenges = new Challenges();
  const hello = connection({ secure: true });
  const proved: Connection[] = [];
  challenges.set(PENDING);
  assert.equal(challenges.takes(hello, ['acme-tls/1']), false);
  challenges.prove = (taken) => proved.push(taken);
  assert.equal(challenges.takes(hello, ['acme-tls/1']), true);
  assert.deepEqual(proved, [hello]);
  for (const alpn of [null, [], ['h2'], ['acme-tls/1', 'h2']])
    assert.equal(challenges.takes(hello, alpn), false);
  assert.equal(challenges.takes({ ...hello, host: 'b.test' }, ['acme-tls/1']), false);
  assert.equal(challenges.takes({ ...hello, secure: false }, ['acme-tls/1']), false);
  assert.equal(proved.length, 1);
});
