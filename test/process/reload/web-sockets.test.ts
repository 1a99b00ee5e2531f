// WebSockets that are open when their worker leaves: each client is told, and not all in one instant.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:http2';
import type { ClientHttp2Session } from 'node:http2';
import { describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import { WebSocket } from 'ws';
import { atEnd } from '../../kit/at-end.js';
import { selfSigned } from '../../kit/certificate.js';
import { isAlive } from '../../kit/processes.js';
import { freePorts } from '../../kit/free-port.js';
import { startVhostd } from '../../kit/start-vhostd.js';
import type { SiteOptions } from '../../kit/start-vhostd.js';
import { until } from '../../kit/until.js';
import { HOST, writeApp } from '../apps/app.js';

const WS = new URL(import.meta.resolve('ws')).pathname.replace(/wrapper\.mjs$/, 'index.js');
const CLIENT_COUNT = 100;
const DRAIN_MS = 20_000;

/** What an app does with each WebSocket: numbers all the time, in frames of all lengths. */
const SERVE = `const { WebSocket, WebSocketServer } = require(${JSON.stringify(WS)});
const serve = (ws) => {
  ws.on('message', (data) => ws.send(String(data)));
  const timer = setInterval(() => ws.send('x'.repeat(1 << (Math.random() * 17))), 1000);
  ws.on('close', () => clearInterval(timer));
};
`;

/** The README server of ws, on a port. */
function onPort(port: number): string {
  return `{
    const server = require('node:http').createServer();
    new WebSocketServer({ server }).on('connection', serve);
    server.listen(${port});
  }`;
}

/** ws over HTTP/2, where a stream takes the place of the socket (RFC 8441). */
function overHttp2(create: string): string {
  return `{
    const server = require('node:http2').${create}({ settings: { enableConnectProtocol: true } });
    server.on('stream', (stream, headers) => {
      if (headers[':protocol'] !== 'websocket') return stream.respond({ ':status': 404 }, { endStream: true });
      stream.respond({ ':status': 200 });
      const ws = new WebSocket(null, undefined, { autoPong: true });
      stream.setNoDelay = () => undefined;
      ws.setSocket(stream, Buffer.alloc(0), { maxPayload: 1 << 20, skipUTF8Validation: false });
      serve(ws);
    });
    server.listen(1);
  }`;
}

/** How the WebSocket of a client ended. */
interface End {
  code: number;
  atMs: number;
  error: string;
}

/** Opens a WebSocket over HTTP/1. */
async function open(t: TestContext, port: number): Promise<End> {
  const client = new WebSocket(`ws://127.0.0.1:${port}`, { headers: { host: HOST } });
  atEnd(t, () => client.terminate());
  const end = { code: 0, atMs: 0, error: '' };
  client.on('error', (error) => (end.error = String(error)));
  client.on('close', (code) => Object.assign(end, { code, atMs: performance.now() }));
  await once(client, 'open');
  return end;
}

/** Opens one in a session of HTTP/2. */
async function openStream(session: ClientHttp2Session): Promise<End> {
  const stream = session.request(
    { ':method': 'CONNECT', ':protocol': 'websocket', ':scheme': 'http', ':path': '/', ':authority': HOST },
    { endStream: false },
  );
  const end = { code: 0, atMs: 0, error: '' };
  stream.on('error', (error) => (end.error = String(error)));
  // Frames of the app hold nothing but `x`.
  let tail = '';
  stream.on('data', (chunk: Buffer) => {
    tail = (tail + chunk.toString('latin1')).slice(-GOING_AWAY.length);
    if (tail !== GOING_AWAY) return;
    end.code = 1001;
    stream.end(Buffer.from([0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe9]));
  });
  stream.on('close', () => (end.atMs = performance.now()));
  const [headers] = (await once(stream, 'response')) as [{ ':status': number }];
  assert.equal(headers[':status'], 200);
  return end;
}

const GOING_AWAY = '\x88\x02\x03\xe9';

async function openSession(t: TestContext, url: string): Promise<ClientHttp2Session> {
  const session = connect(url, { servername: HOST, rejectUnauthorized: false });
  atEnd(t, () => session.destroy());
  await once(session, 'remoteSettings');
  return session;
}

void describe(
  'clients of WebSockets get the close code 1001, spread over the last part of the drain',
  { concurrency: 2 },
  () => {
    async function check(
      t: TestContext,
      site: Partial<SiteOptions> & { workerFile: string },
      openAll: (port: number) => Promise<End[]>,
    ): Promise<void> {
      const type = site.listen === undefined ? 'tcp' : 'ssl';
      const vhostd = await startVhostd(t, { sites: [{ siteId: 'a', drainTimeout: DRAIN_MS, ...site }] });
      const [old] = await vhostd.workers('a');
      const ends = await openAll(await vhostd.port(type));
      await vhostd.reloaded('a');
      await until('all have ended', () => {
        const value = ends.filter(({ atMs }) => atMs > 0).length;
        return { done: value === ends.length, value };
      });
      await until('the old worker has left', () => ({ done: !isAlive(old?.pid ?? 0), value: old?.pid }));
      assert.deepEqual(new Set(ends.map(({ code, error }) => `${code} ${error}`)), new Set(['1001 ']));
      const times = ends.map(({ atMs }) => atMs).toSorted((one, other) => one - other);
      const spanMs = (times.at(-1) ?? 0) - (times[0] ?? 0);
      t.diagnostic(`told within ${Math.round(spanMs)} ms`);
      // The moments of all of them are within 35 % of the limit; of a hundred at random, they never fill less than half of that.
      assert.ok(spanMs > DRAIN_MS * 0.17, `${spanMs} ms`);
    }

    void it('over HTTP/1', async (t) => {
      await check(t, { workerFile: writeApp(t, SERVE + onPort(1)) }, (port) =>
        Promise.all(Array.from({ length: CLIENT_COUNT }, () => open(t, port))),
      );
    });

    void it('on a further port of the app', async (t) => {
      const [further = 0] = await freePorts(1);
      await check(t, { workerFile: writeApp(t, SERVE + onPort(1) + onPort(further)) }, () =>
        Promise.all(Array.from({ length: CLIENT_COUNT }, () => open(t, further))),
      );
    });

    /** In sessions of twenty each. */
    async function inSessions(t: TestContext, url: string): Promise<End[]> {
      const sessions = await Promise.all(
        Array.from({ length: CLIENT_COUNT / 20 }, () => openSession(t, url)),
      );
      return await Promise.all(
        sessions.flatMap((session) => Array.from({ length: 20 }, () => openStream(session))),
      );
    }

    void it('over HTTP/2 in clear', async (t) => {
      const workerFile = writeApp(t, SERVE + overHttp2('createServer'));
      await check(t, { workerFile }, (port) => inSessions(t, `http://127.0.0.1:${port}`));
    });

    void it('over HTTP/2 on TLS', async (t) => {
      const listen = [
        { type: 'ssl', host: HOST, port: 0, ipaddress: '127.0.0.1', ...(await selfSigned(HOST)) },
      ];
      const workerFile = writeApp(t, SERVE + overHttp2('createSecureServer'));
      await check(t, { workerFile, listen }, (port) => inSessions(t, `https://127.0.0.1:${port}`));
    });
  },
);
