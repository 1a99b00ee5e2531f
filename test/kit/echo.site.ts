// The kit's site. It answers what a client can check byte by byte: its headers say what reached it, with the hash of
// the body, and by whom it was answered; its own body is what was asked for, or all of that as JSON.
//   /any?answer=N&chunked=1&slow=MS   N bytes, in pieces with `chunked`, after MS; /slow/MS is JSON after MS
//   /any?until=FILE                   as soon as this file is in its working directory
//   /any?events=MS                    an event stream: `data: 1`, `data: 2` …, one each MS, without end
// Upgrades echo. The master's code can call `scale` (worker count). Its environment:
//   TLS=https or http2 (with HTTP/1.1)  the server ends TLS itself      CLOSE_ON_DRAIN=1  it closes its server then
//   HTTP2=1    it speaks HTTP/2 in clear
//   BLOCK_MS   blocks its event loop for up to so long, again and again  ALLOW_HALF_OPEN=1  as the server's option
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import worker from '@vhostd/worker';
import { SEEN } from './echo-headers.js';

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
  remoteFamily: string;
  localAddress: string;
  localPort: number;
}

const { ALLOW_HALF_OPEN, BLOCK_MS, CLOSE_ON_DRAIN, HTTP2, TLS } = process.env;

function listener(request: IncomingMessage, response: ServerResponse): void {
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
      url: request.url ?? '/',
      host: request.headers.host ?? '',
      length,
      sha256: hash.digest('hex'),
      remoteAddress: request.socket.remoteAddress ?? '',
      remotePort: request.socket.remotePort ?? 0,
      remoteFamily: request.socket.remoteFamily ?? '',
      localAddress: request.socket.localAddress ?? '',
      localPort: request.socket.localPort ?? 0,
    };
    answer(seen, response);
  });
}

/** Answers at once unless it is told to take its time: a client that has half-closed gets nothing later. */
function answer(seen: EchoAnswer, response: ServerResponse): void {
  response.setHeader(SEEN.site, seen.siteId);
  response.setHeader(SEEN.url, seen.url);
  response.setHeader(SEEN.sha256, seen.sha256);
  response.setHeader(SEEN.pid, seen.pid);
  response.setHeader(SEEN.generation, worker.generation);
  response.setHeader(SEEN.remotePort, seen.remotePort);
  const { searchParams, pathname } = new URL(seen.url, 'http://site.test');
  const eventsMs = Number(searchParams.get('events') ?? 0);
  if (eventsMs > 0) return sendEvents(response, eventsMs);
  const wanted = searchParams.get('answer');
  const body =
    wanted === null ? Buffer.from(JSON.stringify(seen)) : Buffer.alloc(Number(wanted), `${seen.url} `);
  const send = (): void => {
    if (searchParams.get('chunked') !== null) return void sendChunked(response, body);
    response.setHeader('Content-Length', body.length);
    response.end(body);
  };
  const slowMs = Number(searchParams.get('slow') ?? /^\/slow\/(\d+)/.exec(pathname)?.[1] ?? 0);
  const file = searchParams.get('until');
  if (file !== null) whenThere(file, send);
  else if (slowMs > 0) setTimeout(send, slowMs);
  else send();
}

function whenThere(file: string, then: () => void): void {
  const timer = setInterval(() => {
    if (!existsSync(file)) return;
    clearInterval(timer);
    then();
  }, 10);
}

async function sendChunked(response: ServerResponse, body: Buffer): Promise<void> {
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

async function createSite(): Promise<ReturnType<typeof createServer>> {
  if (HTTP2 === '1') {
    const server: unknown = (await import('node:http2')).createServer(listener as never);
    return server as ReturnType<typeof createServer>;
  }
  if (TLS === undefined) return createServer(listener);
  // Only what it needs: with what makes certificates it takes three times as long to come up.
  const { selfSigned } = await import('./certificate.js');
  const keys = await selfSigned('a.test');
  if (TLS === 'https') return (await import('node:https')).createServer(keys, listener);
  const { createSecureServer } = await import('node:http2');
  const server: unknown = createSecureServer({ ...keys, allowHTTP1: true }, listener as never);
  return server as ReturnType<typeof createServer>;
}

const server = await createSite();
server.keepAliveTimeout = 60_000;
if (ALLOW_HALF_OPEN === '1') Object.assign(server, { httpAllowHalfOpen: true });
server.on('upgrade', (_request: IncomingMessage, socket: Socket, head: Buffer) => {
  socket.on('error', () => socket.destroy());
  socket.on('end', () => socket.end());
  socket.write(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n`);
  if (head.length > 0) socket.write(head);
  socket.pipe(socket);
});
worker.onMasterCall('scale', (count) => worker.updateServerConf({ cpuLen: Number(count) }));
if (CLOSE_ON_DRAIN === '1') worker.on('drain', () => server.close());
worker.server = server;

const blockMs = Number(BLOCK_MS ?? 0);
if (blockMs > 0) {
  const block = (): void => {
    const untilMs = performance.now() + Math.random() * blockMs;
    while (performance.now() < untilMs);
    setTimeout(block, 1 + Math.random() * 10);
  };
  block();
}
