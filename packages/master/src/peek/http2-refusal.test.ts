import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:http2';
import { createServer } from 'node:net';
import { describe, it } from 'node:test';
import { speaksHttp2 } from '@vhostd/protocol';
import { http2Refusal } from './http2-refusal.js';

const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';

void describe('a refusal of HTTP/2 in clear', () => {
  for (const [reason, code] of [
    ['no-site', 0xd],
    ['no-worker', 0],
    ['maintenance', 0],
    ['site-stopped', 0],
    ['address-rate', 0xb],
    ['address-open', 0xb],
    ['http2-preface', 1],
    ['head-timeout', 1],
  ] as const) {
    void it(`is read by an HTTP/2 client as a GOAWAY with code ${code} for ${reason}`, async (t) => {
      const server = createServer((socket) => socket.end(http2Refusal(reason))).listen(0, '127.0.0.1');
      t.after(() => server.close());
      await once(server, 'listening');
      const address = server.address();
      const port = typeof address === 'object' ? address?.port : undefined;
      const session = connect(`http://127.0.0.1:${port}`);
      session.on('error', () => undefined);
      const [got, lastStreamId, data] = (await once(session, 'goaway')) as [number, number, Buffer];
      assert.deepEqual([got, lastStreamId], [code, 0]);
      assert.match(String(data), /^\d{3} [A-Z]/);
      session.destroy();
    });
  }

  void it('is for what begins with the line of the preface, and nothing else', () => {
    for (const head of [PREFACE, `${PREFACE}more`, 'PRI * HTTP/2.0\r\n']) {
      assert.deepEqual([speaksHttp2(head), speaksHttp2(Buffer.from(head))], [true, true]);
    }
    for (const head of ['', 'PRI', 'PRI * HTTP/1.1\r\n', 'GET / HTTP/1.1\r\n', ` ${PREFACE}`]) {
      assert.deepEqual([speaksHttp2(head), speaksHttp2(Buffer.from(head))], [false, false]);
    }
  });
});
