// Another process holds all that a worker was given: the worker's end is its process's end all the same.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { get } from '../../kit/ask-site.js';
import { siteFile } from '../../kit/start-vhostd.js';
import { WireClient } from '../../kit/wire-client.js';
import { Scene } from './scene.js';

const CONNECTIONS = 20;

test('connections that a dead worker never took over are served by another at once, though its pipes are held', async (t) => {
  const scene = await Scene.set(t, { workerFile: siteFile('descriptors', import.meta.url) });
  const { vhostd, port } = scene;
  const pid = await scene.pid();
  await scene.attack('hold');
  await get(port, 'a.test', '/');
  process.kill(pid, 'SIGSTOP');
  const before = (await vhostd.status()).counts.handedOff;
  const clients = await Promise.all(
    Array.from({ length: CONNECTIONS }, () => WireClient.open(port, { limitMs: 60_000 })),
  );
  const given = (await vhostd.status()).counts.accepted;
  for (const client of clients) client.send('GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n');
  await vhostd.until(
    'they are given to it',
    ({ sites: [a] }) => (a?.workers[0]?.connections ?? 0) >= CONNECTIONS,
  );
  process.kill(pid, 'SIGKILL');
  const answers = await Promise.all(clients.map((client) => client.answer()));
  assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]));
  const { counts } = await vhostd.status();
  assert.ok(counts.redispatched >= CONNECTIONS);
  assert.ok(given >= before);
  await scene.unharmed(t);
});
