// Who belongs to a program: by session, by parent, and by having been seen.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import type { ProcessEntry } from '@vhostd/supervisor';
import { realProcessTable, treeOf } from './process-tree.js';

const SHELL = entry(1, { parentPid: 0, session: 1 });
const LEADER = entry(100, { parentPid: 50, session: 100 });

void test('the leader, its children and theirs are one tree', () => {
  const entries = [
    SHELL,
    entry(102, { parentPid: 101, session: 100 }),
    entry(101, { parentPid: 100, session: 100 }),
    LEADER,
  ];
  assert.deepEqual(pids(entries), [100, 101, 102]);
});

void test('a child that made a session of its own belongs to it, and so does all that is in that session', () => {
  const detached = entry(200, { parentPid: 100, session: 200 });
  const orphanOfIt = entry(201, { parentPid: 1, session: 200 });
  assert.deepEqual(pids([SHELL, orphanOfIt, detached, LEADER]), [100, 200, 201]);
});

void test('what its leader has left behind is found by its session', () => {
  assert.deepEqual(pids([SHELL, entry(101, { parentPid: 1, session: 100 })]), [101]);
});

void test('what was seen in the tree stays in it without a parent, unless its pid is another process now', () => {
  const lost = entry(200, { parentPid: 1, session: 200 });
  assert.deepEqual(pids([SHELL, lost]), []);
  assert.deepEqual(pids([SHELL, lost], new Map([[200, lost.startTime]])), [200]);
  assert.deepEqual(pids([SHELL, lost], new Map([[200, 'earlier']])), []);
});

void test('a zombie is gone', () => {
  assert.deepEqual(
    pids([SHELL, { ...LEADER, isZombie: true }, entry(101, { parentPid: 1, session: 100, isZombie: true })]),
    [],
  );
});

void test('the machine itself is listed with parents and sessions', async (t) => {
  const child = spawn('sleep', ['60'], { detached: true, stdio: 'ignore' });
  t.after(() => child.kill('SIGKILL'));
  await once(child, 'spawn');
  const pid = child.pid ?? 0;
  const found = realProcessTable.list().find((each) => each.pid === pid);
  assert.equal(found?.parentPid, process.pid);
  assert.equal(found.session, pid);
  assert.deepEqual(
    treeOf(realProcessTable.list(), pid).map((each) => each.pid),
    [pid],
  );
  realProcessTable.killGroup(pid, 'SIGKILL');
  await once(child, 'exit');
  realProcessTable.killGroup(pid, 'SIGKILL');
});

function entry(pid: number, rest: Partial<ProcessEntry>): ProcessEntry {
  return { pid, parentPid: 1, session: pid, startTime: `at ${pid}`, isZombie: false, ...rest };
}

function pids(entries: ProcessEntry[], seen?: ReadonlyMap<number, string>): number[] {
  return treeOf(entries, LEADER.pid, seen)
    .map(({ pid }) => pid)
    .toSorted((a, b) => a - b);
}
