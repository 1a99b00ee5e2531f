// The alert records, as a real TLS client understands them.
import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { connect } from 'node:tls';
import {
  TLS_ALERT_DECODE_ERROR,
  TLS_ALERT_HANDSHAKE_FAILURE,
  TLS_ALERT_INTERNAL_ERROR,
  TLS_ALERT_UNRECOGNIZED_NAME,
} from './tls-alert.js';

const ALERTS = [
  [TLS_ALERT_UNRECOGNIZED_NAME, /UNRECOGNIZED_NAME/],
  [TLS_ALERT_DECODE_ERROR, /DECODE_ERROR/],
  [TLS_ALERT_HANDSHAKE_FAILURE, /HANDSHAKE_FAILURE/],
  [TLS_ALERT_INTERNAL_ERROR, /INTERNAL_ERROR/],
] as const;

void test("each alert is what Node's TLS client reports when it is the answer to a hello", async () => {
  for (const [alert, code] of ALERTS) assert.match(await codeAfter(alert), code);
});

function codeAfter(alert: Buffer): Promise<string> {
  return new Promise((resolve) => {
    const server = createServer((socket) => {
      socket.once('data', () => socket.end(alert)).on('error', () => socket.destroy());
    });
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      const client = connect({ host: '127.0.0.1', port, servername: 'a.com' });
      client.once('error', (error: Error & { code?: string }) => {
        client.destroy();
        server.close(() => resolve(error.code ?? error.message));
      });
    });
  });
}
