// The master is short of descriptors, and all of them are held by connections that wait for a worker: nobody who says
// something in time is ended; who connects meanwhile waits in the kernel, and is served when there is room.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { limitDescriptors } from '../../kit/limit-descriptors.js';
import { descriptorCount } from '../../kit/processes.js';
import { startVhostd } from '../../kit/start-vhostd.js';
import { WireClient } from '../../kit/wire-client.js';

const WAITING = 250;
const ROOM = 100;

/** Who has said nothing for so long makes room where descriptors are short, ms: this process may be slow. */
const IN_TIME_MS = 300;

/** The status of an answer; undefined for a client that had been silent for too long, and was ended. */
async function ask(port: number, host: string): Promise<number | undefined> {
  const startMs = performance.now();
  const client = await WireClient.open(port, { limitMs: 120_000 });
  client.send(`GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
  const isInTime = performance.now() - startMs < IN_TIME_MS;
  try {
    return (await client.answer()).status;
  } catch (error) {
    if (isInTime) throw error;
    return undefined;
  } finally {
    client.close();
  }
}

test('nobody is ended for want of descriptors', async (t) => {
  const common = { parkTimeout: '120s', parkMaxCount: 1000 };
  const vhostd = await startVhostd(t, {
    daemon: true,
    sites: [
      { siteId: 'a', ...common },
      { siteId: 'b', ...common },
    ],
  });
  await vhostd.serves();
  const port = await vhostd.port();
  const master = (await vhostd.status()).master?.pid ?? 0;
  await vhostd.client.pause('a', { timeout: '120s' });
  await limitDescriptors(master, descriptorCount(master) + ROOM);
  const waiting = Array.from({ length: WAITING }, () => ask(port, 'a.test'));
  await vhostd.logs('listeners.paused');
  // Behind all these, in the kernel.
  const other = ask(port, 'b.test');
  const { sites } = await vhostd.status();
  const parked = sites.find(({ siteId }) => siteId === 'a')?.parked ?? 0;
  t.diagnostic(`${parked} wait in the master, which has ${descriptorCount(master)} descriptors`);
  assert.ok(parked > 0 && parked < WAITING);
  await vhostd.client.resume('a');
  const answers = await Promise.all([...waiting, other]);
  const late = answers.filter((status) => status === undefined).length;
  t.diagnostic(`${late} clients were too late`);
  assert.deepEqual(new Set(answers.filter((status) => status !== undefined)), new Set([200]));
  assert.ok(answers.length - late > parked);
  await vhostd.logs('listeners.resumed');
  assert.deepEqual(vhostd.logged('listener.accept-failed'), []);
});
