import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import type { DaemonToMaster, MasterToDaemon } from '@vhostd/protocol';
import type { Peer } from '@vhostd/transport';
import { MasterWorkers } from './master-workers.js';

type Handler = (params: unknown, context: { handle: undefined }) => unknown;

const onLinux = { skip: process.platform === 'linux' ? false : 'there is no /proc' };

/** The leader of a session of its own, as a master is. */
async function leader(t: TestContext): Promise<number> {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], {
    stdio: 'ignore',
    detached: true,
  });
  t.after(() => child.kill('SIGKILL'));
  await once(child, 'spawn');
  return child.pid ?? 0;
}

function workersOf(masterPid: number): {
  workers: MasterWorkers;
  say: (what: string, params: unknown) => void;
} {
  const handlers = new Map<string, Handler>();
  const peer = { handle: (method: string, handler: Handler) => void handlers.set(method, handler) };
  const workers = new MasterWorkers(peer as unknown as Peer<DaemonToMaster, MasterToDaemon>, () => masterPid);
  return { workers, say: (what, params) => void handlers.get(what)?.(params, { handle: undefined }) };
}

void test('a worker is known from its fork to its end', onLinux, async (t) => {
  const pid = await leader(t);
  const { workers, say } = workersOf(pid);
  say('workerForked', { pid, limitMs: 4000 });
  assert.deepEqual(
    workers.list().map(({ identity, limitMs }) => [identity.pid, limitMs]),
    [[pid, 4000]],
  );
  say('workerEnded', { pid });
  assert.deepEqual(workers.list(), []);
});

void test('a worker leads a session of its own', onLinux, async (t) => {
  const pid = await leader(t);
  const { workers, say } = workersOf(process.pid);
  say('workerForked', { pid, limitMs: 4000 });
  assert.deepEqual(
    workers.list().map(({ identity }) => identity.pid),
    [pid],
  );
});

void test(
  'a process that is not of its session, and not its child, is not for the master to name',
  onLinux,
  async (t) => {
    const { workers, say } = workersOf(await leader(t));
    for (const pid of [process.pid, process.ppid, 1, 2 ** 31]) say('workerForked', { pid, limitMs: 1 });
    assert.deepEqual(workers.list(), []);
  },
);

void test('what is no such message is refused', async (t) => {
  const { workers, say } = workersOf(await leader(t));
  for (const params of [
    null,
    [],
    {},
    { pid: '1', limitMs: 1 },
    { pid: 1 },
    { pid: 1, limitMs: -1 },
    { pid: 0, limitMs: 1 },
  ]) {
    assert.throws(() => say('workerForked', params), { code: 'ERR_MESSAGE_INVALID' });
  }
  assert.throws(() => say('workerEnded', { pid: -1 }), { code: 'ERR_MESSAGE_INVALID' });
  assert.deepEqual(workers.list(), []);
});
