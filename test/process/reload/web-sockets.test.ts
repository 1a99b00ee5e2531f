// WebSockets that are open when their worker leaves: each client is told, and not all in one instant.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WebSocket } from 'ws';
import { startVhostd } from '../../kit/start-vhostd.js';
import { isAlive } from '../../kit/processes.js';
import { until } from '../../kit/until.js';
import { writeApp } from '../apps/app.js';

const WS = new URL(import.meta.resolve('ws')).pathname.replace(/wrapper\.mjs$/, 'index.js');
const CLIENT_COUNT = 200;
const DRAIN_MS = 20_000;

/** The README server of ws, which sends each client numbers all the time, in frames of all lengths. */
const APP = `const { WebSocketServer } = require(${JSON.stringify(WS)});
const server = require('node:http').createServer();
const wss = new WebSocketServer({ server });
let closed = 0;
wss.on('connection', (ws) => {
  ws.on('message', (data) => ws.send(String(data)));
  const timer = setInterval(() => ws.send('x'.repeat(1 << (Math.random() * 17))), 200);
  ws.on('close', (code) => {
    clearInterval(timer);
    if (code === 1001) closed += 1;
    if (closed === ${CLIENT_COUNT}) console.error('all of them with 1001');
  });
});
server.listen(1);`;

test('clients of WebSockets get the close code 1001, spread over the last part of the drain', async (t) => {
  const workerFile = writeApp(t, APP);
  const vhostd = await startVhostd(t, {
    sites: [{ siteId: 'a', workerFile, drainTimeout: DRAIN_MS, logError: 'error.log' }],
  });
  const [old] = await vhostd.workers('a');
  const url = `ws://127.0.0.1:${await vhostd.port()}`;
  const ends = await Promise.all(
    Array.from({ length: CLIENT_COUNT }, async () => {
      const client = new WebSocket(url, { headers: { host: 'a.test' } });
      t.after(() => client.terminate());
      const end = { code: 0, atMs: 0, error: '' };
      client.on('error', (error) => (end.error = String(error)));
      client.on('close', (code) => Object.assign(end, { code, atMs: performance.now() }));
      await new Promise((resolve) => client.once('open', resolve));
      return end;
    }),
  );
  await vhostd.reloaded('a');
  await until('all have ended', () => {
    const value = ends.filter(({ atMs }) => atMs > 0).length;
    return { done: value === CLIENT_COUNT, value };
  });
  await until('the old worker has left', () => ({ done: !isAlive(old?.pid ?? 0), value: old?.pid }));
  assert.deepEqual(new Set(ends.map(({ code, error }) => `${code} ${error}`)), new Set(['1001 ']));
  const times = ends.map(({ atMs }) => atMs).toSorted((one, other) => one - other);
  const spanMs = (times.at(-1) ?? 0) - (times[0] ?? 0);
  t.diagnostic(`told within ${Math.round(spanMs)} ms`);
  // The moments of all of them are within 35 % of the limit; of 200 at random, they never fill less than half of that.
  assert.ok(spanMs > DRAIN_MS * 0.17, `${spanMs} ms`);
});
