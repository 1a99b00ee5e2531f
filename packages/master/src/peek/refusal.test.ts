// Refusals, as a real HTTP client reads them.
import assert from 'node:assert/strict';
import { get, STATUS_CODES } from 'node:http';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { refusal } from './refusal.js';
import type { RefusalStatus } from './refusal-reason.js';
import type { IncomingHttpHeaders } from 'node:http';

const STATUSES: readonly RefusalStatus[] = [400, 408, 421, 431, 503, 505];
const DATE = new Date(Date.UTC(2026, 0, 2, 3, 4, 5));

void test("every refusal is a complete response to Node's client and ends the connection", async () => {
  for (const status of STATUSES) {
    const answer = await answerWith(refusal(status, { date: DATE }));
    assert.equal(answer.status, status);
    assert.equal(answer.message, STATUS_CODES[status]);
    assert.equal(answer.body, `${status} ${STATUS_CODES[status]}\n`);
    assert.deepEqual(answer.headers, {
      date: 'Fri, 02 Jan 2026 03:04:05 GMT',
      connection: 'close',
      'content-type': 'text/plain',
      'content-length': String(answer.body.length),
    });
  }
});

void test('a page takes the place of the text, and is not to be stored', async () => {
  const html = '<p>back soon</p>';
  const answer = await answerWith(refusal(503, { date: DATE, html, retryAfterSeconds: 60 }));
  assert.equal(answer.body, html);
  assert.deepEqual(answer.headers, {
    date: 'Fri, 02 Jan 2026 03:04:05 GMT',
    connection: 'close',
    'content-type': 'text/html; charset=utf-8',
    'content-length': String(Buffer.byteLength(html)),
    'cache-control': 'no-store',
    'retry-after': '60',
  });
});

void test('a 503 says when to try again, in whole seconds; other statuses do not', () => {
  assert.match(refusal(503, { retryAfterSeconds: 1.2 }).toString(), /\r\nRetry-After: 2\r\n/);
  assert.match(refusal(503, { retryAfterSeconds: 0 }).toString(), /\r\nRetry-After: 0\r\n/);
  assert.doesNotMatch(refusal(503).toString(), /Retry-After/);
  assert.doesNotMatch(refusal(400, { retryAfterSeconds: 1 }).toString(), /Retry-After/);
});

void test('an answer to HEAD has the fields of one to GET, and no content', () => {
  for (const options of [{}, { html: '<p>back soon</p>' }]) {
    const whole = refusal(503, { ...options, date: DATE }).toString();
    const head = whole.slice(0, whole.indexOf('\r\n\r\n') + 4);
    for (const request of ['HEAD / HTTP/1.1\r\n', '\r\n\r\nHEAD /', Buffer.from('HEAD / HTTP/9')]) {
      assert.equal(refusal(503, { ...options, date: DATE, request }).toString(), head);
    }
    for (const request of ['', 'GET / HTTP/1.1\r\n', 'HEADER /', 'HEAD', Buffer.from('GET /HEAD ')]) {
      assert.equal(refusal(503, { ...options, date: DATE, request }).toString(), whole);
    }
  }
});

void test('without a date given a refusal states the present', () => {
  const before = Math.floor(Date.now() / 1000) * 1000;
  const stated = /\r\nDate: (.*)\r\n/.exec(refusal(400).toString())?.[1] ?? '';
  assert.ok(Date.parse(stated) >= before && Date.parse(stated) <= Date.now());
});

interface Answer {
  status: number | undefined;
  message: string | undefined;
  headers: IncomingHttpHeaders;
  body: string;
}

function answerWith(bytes: Buffer): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => {
      socket.once('data', () => socket.end(bytes)).on('error', reject);
    });
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      const request = get({ host: '127.0.0.1', port, agent: false }, (response) => {
        let body = '';
        response.setEncoding('latin1').on('data', (text: string) => (body += text));
        response.on('end', () => {
          const { statusCode: status, statusMessage: message, headers } = response;
          server.close(() => resolve({ status, message, headers, body }));
        });
      });
      request.on('error', reject);
    });
  });
}
