// A site that answers what a client can check byte by byte: the hash of the body it got, and a body of its own.
//   /any?answer=N&chunked=1&slow=MS   N bytes, in pieces with `chunked`, after MS
//   /any?events=MS                    an event stream: `data: 1`, `data: 2` …, one each MS, without end
// Upgrades echo. The master's code can call `scale` (worker count).
// TLS=https or TLS=http2 (with HTTP/1.1): the server ends TLS itself. CLOSE_ON_DRAIN=1: it closes its server then.
import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createSecureServer } from 'node:http2';
import { createServer as createHttpsServer } from 'node:https';
import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import worker from '@vhostd/worker';
import { selfSigned } from './certificate.js';
import { SEEN } from './exchange-headers.js';

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const hash = createHash('sha256');
  for await (const chunk of request) hash.update(chunk as Buffer);
  const url = new URL(request.url ?? '/', 'http://site.test');
  const body = Buffer.alloc(Number(url.searchParams.get('answer') ?? 0), `${request.url} `);
  response.setHeader(SEEN.site, worker.siteId);
  response.setHeader(SEEN.url, request.url ?? '');
  response.setHeader(SEEN.sha256, hash.digest('hex'));
  response.setHeader(SEEN.pid, process.pid);
  response.setHeader(SEEN.generation, worker.generation);
  response.setHeader(SEEN.remotePort, request.socket.remotePort ?? 0);
  const slowMs = Number(url.searchParams.get('slow') ?? 0);
  if (slowMs > 0) await delay(slowMs);
  const eventsMs = Number(url.searchParams.get('events') ?? 0);
  if (eventsMs > 0) return sendEvents(response, eventsMs);
  if (url.searchParams.get('chunked') === null) {
    response.setHeader('Content-Length', body.length);
    response.end(body);
    return;
  }
  const pieceBytes = Math.ceil(body.length / 4) || 1;
  for (let at = 0; at < body.length; at += pieceBytes) {
    response.write(body.subarray(at, at + pieceBytes));
    await new Promise(setImmediate);
  }
  response.end();
}

function sendEvents(response: ServerResponse, intervalMs: number): void {
  response.setHeader('Content-Type', 'text/event-stream');
  let number = 0;
  const timer = setInterval(() => response.write(`data: ${(number += 1)}\n\n`), intervalMs);
  response.on('close', () => clearInterval(timer));
  response.flushHeaders();
}

function listener(request: IncomingMessage, response: ServerResponse): void {
  // A client that leaves in the middle is the test's business.
  answer(request, response).catch(() => response.destroy());
}

async function createSite(): Promise<ReturnType<typeof createServer>> {
  const kind = process.env['TLS'];
  if (kind === undefined) return createServer(listener);
  const keys = await selfSigned('a.test');
  if (kind === 'https') return createHttpsServer(keys, listener);
  const server: unknown = createSecureServer({ ...keys, allowHTTP1: true }, listener as never);
  return server as ReturnType<typeof createServer>;
}

const server = await createSite();
server.keepAliveTimeout = Number(process.env['KEEP_ALIVE_MS'] ?? 60_000);
server.on('upgrade', (_request: IncomingMessage, socket: Socket, head: Buffer) => {
  socket.on('error', () => socket.destroy());
  socket.write(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n`);
  if (head.length > 0) socket.write(head);
  socket.pipe(socket);
});
worker.onMasterCall('scale', (count) => worker.updateServerConf({ cpuLen: Number(count) }));
if (process.env['CLOSE_ON_DRAIN'] === '1') worker.on('drain', () => server.close());
worker.server = server;
