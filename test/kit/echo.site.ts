// A site that tells what reached it: the length and hash of each body, and over which connection it came.
// BLOCK_MS: blocks its event loop for up to so many ms, again and again. ALLOW_HALF_OPEN: as the server's option.
import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import worker from '@vhostd/worker';

/** What it answers, as JSON. */
export interface EchoAnswer {
  siteId: string;
  workerId: string;
  pid: number;
  method: string;
  url: string;
  host: string;
  length: number;
  sha256: string;
  remoteAddress: string;
  remotePort: number;
  localPort: number;
}

function answer(request: IncomingMessage, response: ServerResponse): void {
  const hash = createHash('sha256');
  let length = 0;
  request.on('data', (chunk: Buffer) => {
    hash.update(chunk);
    length += chunk.length;
  });
  request.on('end', () => {
    const seen: EchoAnswer = {
      siteId: worker.siteId,
      workerId: worker.id,
      pid: process.pid,
      method: request.method ?? '',
      url: request.url ?? '',
      host: request.headers.host ?? '',
      length,
      sha256: hash.digest('hex'),
      remoteAddress: request.socket.remoteAddress ?? '',
      remotePort: request.socket.remotePort ?? 0,
      localPort: request.socket.localPort ?? 0,
    };
    const text = JSON.stringify(seen);
    const end = (): void => {
      response.setHeader('Content-Length', Buffer.byteLength(text));
      response.end(text);
    };
    const slow = /^\/slow\/(\d+)/.exec(seen.url)?.[1];
    if (slow === undefined) end();
    else setTimeout(end, Number(slow));
  });
}

const server = createServer(answer);
if (process.env['ALLOW_HALF_OPEN'] === '1') Object.assign(server, { httpAllowHalfOpen: true });
server.on('upgrade', (_request: IncomingMessage, socket: Socket, head: Buffer) => {
  socket.on('error', () => socket.destroy());
  socket.on('end', () => socket.end());
  socket.write(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n`);
  if (head.length > 0) socket.write(head);
  socket.pipe(socket);
});
worker.server = server;

const blockMs = Number(process.env['BLOCK_MS'] ?? 0);
if (blockMs > 0) {
  const block = (): void => {
    const untilMs = performance.now() + Math.random() * blockMs;
    while (performance.now() < untilMs);
    setTimeout(block, 1 + Math.random() * 10);
  };
  block();
}
