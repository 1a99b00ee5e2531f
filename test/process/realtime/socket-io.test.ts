// Socket.IO with two workers, by the conf that docs/realtime.md gives: polling and WebSocket, in a reload, behind HAProxy.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { io } from 'socket.io-client';
import type { Socket } from 'socket.io-client';
import { atEnd } from '../../kit/at-end.js';
import { startHaproxy } from '../../kit/balancer.js';
import { siteFile, startVhostd } from '../../kit/start-vhostd.js';
import type { LoneMaster } from '../../kit/start-vhostd.js';
import { within } from '../../kit/until.js';

const CLIENT_COUNT = 6;
const LIMIT_MS = 60_000;
const COOKIE = { cookie: 'io' };
const TRANSPORTS = [['polling'], ['websocket'], ['polling', 'websocket']];

async function start(t: TestContext, balance: unknown, entry: object = {}): Promise<LoneMaster> {
  const listen = [{ port: 0, ipaddress: '127.0.0.1', ...entry }];
  const workerFile = siteFile('chat', import.meta.url);
  return await startVhostd(t, {
    sites: [{ siteId: 'chat', workerFile, cpuLen: 2, drainTimeout: '1s', balance, listen }],
  });
}

/** Connected; a client like a browser: it keeps cookies. */
async function connected(t: TestContext, port: number, transports: string[], more = {}): Promise<Socket> {
  const socket = io(`http://127.0.0.1:${port}`, {
    transports,
    forceNew: true,
    withCredentials: true,
    reconnectionDelay: 10,
    reconnectionDelayMax: 50,
    ...more,
  });
  atEnd(t, () => socket.disconnect());
  await within(`${transports.join()} connects`, LIMIT_MS, once(socket as never, 'connect'));
  return socket;
}

/** The pid and the generation that answer. */
async function echo(socket: Socket, text: string): Promise<[number, number]> {
  const answer = socket.emitWithAck('echo', text) as Promise<[string, number, number]>;
  const [seen, pid, generation] = await within(text, LIMIT_MS, answer);
  assert.equal(seen, text);
  return [pid, generation];
}

async function talk(sockets: readonly Socket[], count: number): Promise<number[]> {
  return await Promise.all(
    sockets.map(async (socket) => {
      let pid = 0;
      for (let at = 0; at < count; at += 1) [pid] = await echo(socket, `${socket.id} ${at}`);
      return pid;
    }),
  );
}

for (const transports of TRANSPORTS) {
  test(`${transports.join(', then ')}: sessions hold by the cookie that their worker sets`, async (t) => {
    const vhostd = await start(t, COOKIE);
    const port = await vhostd.port();
    const sockets: Socket[] = [];
    for (let count = 0; count < CLIENT_COUNT; count += 1) sockets.push(await connected(t, port, transports));
    const ids = sockets.map(({ id }) => id);
    assert.equal(new Set(await talk(sockets, 5)).size, 2);
    assert.deepEqual(
      sockets.map(({ id }) => id),
      ids,
      'none was opened anew',
    );

    await t.test('in a reload they are opened anew, in the new workers', async () => {
      const again = sockets.map((socket) => once(socket as never, 'connect'));
      await vhostd.reloaded('chat');
      await within('all are connected again', LIMIT_MS, Promise.all(again));
      for (const socket of sockets) assert.equal((await echo(socket, 'again'))[1], 2);
    });
  });
}

test('without a sticky rule polling does not hold: its requests go to both workers', async (t) => {
  const vhostd = await start(t, 'round-robin');
  const url = `http://127.0.0.1:${await vhostd.port()}`;
  const socket = io(url, { transports: ['polling'], forceNew: true, reconnection: false });
  atEnd(t, () => socket.disconnect());
  // Behind its 'error'.
  const closed = new Promise<void>((resolve) => socket.io.once('close', () => resolve()));
  await within('the session ends', LIMIT_MS, closed);
});

for (const balance of [COOKIE, 'ip-hash'] as const) {
  const by = balance === 'ip-hash' ? 'PROXY protocol and ip-hash' : 'a cookie';
  test(`behind HAProxy sessions hold by ${by}`, async (t) => {
    const proxied = balance === 'ip-hash';
    const vhostd = await start(t, balance, proxied ? { proxyProtocol: ['127.0.0.1/32'] } : {});
    const upstream = await vhostd.port();
    const conf = proxied
      ? { server: 'send-proxy-v2' }
      : { defaults: 'http-reuse never\n  option http-server-close' };
    const port = await startHaproxy(t, upstream, conf);
    if (port === undefined) return;
    for (const transports of TRANSPORTS) {
      const sockets: Socket[] = await Promise.all(
        Array.from({ length: CLIENT_COUNT }, () => connected(t, port, transports)),
      );
      const ids = sockets.map(({ id }) => id);
      await talk(sockets, 5);
      assert.deepEqual(
        sockets.map(({ id }) => id),
        ids,
        transports.join(),
      );
      for (const socket of sockets) socket.disconnect();
    }
  });
}
