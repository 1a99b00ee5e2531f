import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { readIdentity } from '@vhostd/supervisor';
import { OrphanedWorkers } from './orphaned-workers.js';
import type { KnownWorker } from './master-workers.js';

/** A process that lives until it is signalled, or as long as `liveMs`. */
async function worker(t: TestContext, limitMs: number, liveMs = 600_000): Promise<KnownWorker> {
  const child = spawn(process.execPath, ['-e', `setTimeout(() => {}, ${liveMs})`], { stdio: 'ignore' });
  t.after(() => child.kill('SIGKILL'));
  await once(child, 'spawn');
  const identity = readIdentity(child.pid ?? 0);
  assert.ok(identity !== undefined);
  return { identity, limitMs };
}

const onLinux = { skip: process.platform === 'linux' ? false : 'there is no /proc' };

void test('a worker that outlives its limit is killed, one that leaves is not', onLinux, async (t) => {
  const killed: number[] = [];
  const orphans = new OrphanedWorkers((pid) => killed.push(pid));
  const stuck = await worker(t, 300);
  orphans.add([stuck, await worker(t, 600_000, 100)]);
  await orphans.end(false);
  assert.deepEqual(killed, [stuck.identity.pid]);
});

void test('one that does not notice by itself is told to end, with its process group', onLinux, async () => {
  const told: number[] = [];
  const orphans = new OrphanedWorkers((pid) => told.push(pid));
  const child = spawn('sh', ['-c', 'sleep 600 & wait'], {
    stdio: ['ignore', 'pipe', 'ignore'],
    detached: true,
  });
  await once(child, 'spawn');
  const identity = readIdentity(child.pid ?? 0);
  assert.ok(identity !== undefined);
  orphans.add([{ identity, limitMs: 600_000, stopSignal: 'SIGTERM' }]);
  // What it has started holds its standard output open.
  const [, signal] = (await once(child, 'close')) as [number | null, string | null];
  assert.equal(signal, 'SIGTERM');
  await orphans.end(false);
  assert.deepEqual(told, []);
});

void test('told to be done now, all are killed, for who waits already as well', onLinux, async (t) => {
  const killed: number[] = [];
  const orphans = new OrphanedWorkers((pid) => killed.push(pid));
  const workers = [await worker(t, 600_000), await worker(t, 600_000)];
  orphans.add(workers);
  const waiting = orphans.end(false);
  await orphans.end(true);
  await waiting;
  assert.deepEqual(
    killed,
    workers.map(({ identity }) => identity.pid),
  );
});

void test('a process that got the pid of a worker is left alone', onLinux, async (t) => {
  const killed: number[] = [];
  const orphans = new OrphanedWorkers((pid) => killed.push(pid));
  const stranger = await worker(t, 1);
  const startTime = String(Number(stranger.identity.startTime) - 1);
  orphans.add([{ ...stranger, identity: { ...stranger.identity, startTime } }]);
  await orphans.end(true);
  assert.deepEqual(killed, []);
});
