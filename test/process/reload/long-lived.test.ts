// Connections that are in use for long: a reload leaves them to their old worker until the drain limit.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { isAlive } from '../../kit/processes.js';
import { until } from '../../kit/until.js';
import { WireClient } from '../../kit/wire-client.js';
import { HOST, reload, startSite } from './site-under-reload.js';

void it('an upgraded connection outlives a reload, and is cut at the drain limit', async (t) => {
  const rig = await startSite(t, { drainTimeout: '3s', cpuLen: 1 });
  const [old] = await rig.workers('a');
  const client = await WireClient.open(await rig.port());
  client.send(`GET /ws HTTP/1.1\r\nHost: ${HOST}\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n`);
  assert.equal((await client.answer(true)).status, 101);
  await reload(rig);
  const retiredMs = performance.now();
  for (const word of ['still', 'here ']) {
    client.send(word);
    assert.equal((await client.bytes(word.length)).toString(), word);
  }
  const oldPid = old?.pid ?? 0;
  assert.equal(isAlive(oldPid), true);
  const rest = await client.rest().catch(() => Buffer.alloc(0));
  assert.equal(rest.length, 0);
  assert.ok(performance.now() - retiredMs > 2000, 'it was cut before the limit');
  await until('the old worker has gone', () => ({ done: !isAlive(oldPid), value: oldPid }), 4000);
});

void it('an answer that takes long is sent to its end', async (t) => {
  const rig = await startSite(t, { cpuLen: 1 });
  const client = await WireClient.open(await rig.port());
  client.send(`GET /slow?slow=5000&answer=100000&chunked=1 HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`);
  await rig.until('the request is in work', ({ counts }) => counts.handedOff === 1);
  await reload(rig);
  await reload(rig);
  const { headers, body } = await client.answer();
  assert.deepEqual([headers['x-generation'], body.length], ['1', 100_000]);
  client.close();
});
