// Which process a PID file means, with real processes and with what other systems would show.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { FakeOs } from './fake-os.test.kit.js';
import {
  isAlive,
  isWaiting,
  readIdentity,
  readProcess,
  readSession,
  signalIdentity,
} from './process-identity.js';
import type { ProcessIdentity } from './process-identity.js';

const onLinux = { skip: process.platform === 'linux' ? false : 'there is no /proc' };
const SLEEPER = 'setInterval(() => {}, 1000)';

void test('a process is the same as itself, and its identity survives JSON', onLinux, () => {
  const identity = identityOf(process.pid);
  assert.match(identity.startTime, /^\d+$/);
  assert.match(identity.bootId, /^[0-9a-f-]{36}$/);
  assert.deepEqual(readIdentity(process.pid), identity);
  const restored: unknown = JSON.parse(JSON.stringify(identity));
  assert.deepEqual(restored, identity);
  assert.equal(isAlive(identity), true);
});

void test('the start time lies between the boot and now', onLinux, () => {
  const ticks = Number(identityOf(process.pid).startTime);
  const upTicks = Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]) * 100;
  assert.ok(ticks > 0 && ticks <= upTicks + 1, `${ticks} of ${upTicks}`);
});

void test(
  'a process is in the session of its parent unless it leads one of its own',
  onLinux,
  async (context) => {
    for (const detached of [false, true]) {
      const child = spawn(process.execPath, ['-e', SLEEPER], { stdio: 'ignore', detached });
      context.after(() => child.kill('SIGKILL'));
      await once(child, 'spawn');
      assert.equal(readSession(child.pid ?? 0), detached ? child.pid : readSession(process.pid));
      const entry = readProcess(child.pid ?? 0);
      assert.equal(entry?.session, readSession(child.pid ?? 0));
      assert.equal(entry?.parentPid, process.pid);
      assert.equal(entry.startTime, identityOf(child.pid ?? 0).startTime);
      assert.equal(entry.isZombie, false);
    }
    assert.equal(readSession(0), undefined);
    assert.equal(readProcess(0), undefined);
  },
);

void test('spaces and parentheses in the name of a process do not shift its fields', onLinux, () => {
  const before = identityOf(process.pid);
  const title = process.title;
  try {
    process.title = 'a) Z 1 (b c';
    assert.match(readFileSync(`/proc/${process.pid}/stat`, 'utf8'), /\(a\) Z 1 \(b c\)/);
    assert.deepEqual(readIdentity(process.pid), before);
  } finally {
    process.title = title;
  }
});

void test(
  'a process that has its pid but not its start time, or is of another boot, is a stranger and gets no signal',
  onLinux,
  async (context) => {
    const child = spawn(process.execPath, ['-e', SLEEPER], { stdio: 'ignore' });
    context.after(() => child.kill('SIGKILL'));
    await once(child, 'spawn');
    const identity = identityOf(child.pid ?? 0);
    const earlier = { ...identity, startTime: String(Number(identity.startTime) - 1) };
    const otherBoot = { ...identity, bootId: '00000000-0000-0000-0000-000000000000' };
    for (const stranger of [earlier, otherBoot, { ...identity, startTime: '' }]) {
      assert.equal(isAlive(stranger), false);
      assert.equal(signalIdentity(stranger, 'SIGKILL'), 'stranger');
    }
    assert.equal(signalIdentity(identity, 'SIGUSR2'), 'sent');
    assert.deepEqual(await once(child, 'exit'), [null, 'SIGUSR2']);
    assert.equal(isAlive(identity), false);
    assert.equal(signalIdentity(identity, 'SIGKILL'), 'gone');
  },
);

void test('a zombie is dead', onLinux, async () => {
  const child = spawn(process.execPath, ['-e', ''], { stdio: 'ignore' });
  const exited = once(child, 'exit');
  const identity = identityOf(child.pid ?? 0);
  // the event loop doesn't turn in here, so nobody reaps the child
  while (!readFileSync(`/proc/${child.pid}/stat`, 'utf8').includes(') Z ')) {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
  }
  assert.equal(process.kill(identity.pid, 0), true);
  assert.equal(isAlive(identity), false);
  assert.equal(readIdentity(identity.pid), undefined);
  assert.equal(signalIdentity(identity, 'SIGKILL'), 'gone');
  await exited;
});

void test('a number that kill would take for many processes is never signalled', () => {
  const os = new FakeOs();
  for (const pid of [0, -1, -process.pid, 1.5, NaN, 2 ** 31, 2 ** 53]) {
    const identity = { pid, startTime: '', bootId: '' };
    assert.equal(readIdentity(pid, os), undefined);
    assert.equal(isAlive(identity, os), false);
    assert.equal(signalIdentity(identity, 'SIGKILL', os), 'gone');
  }
  assert.deepEqual(os.kills, []);
});

void test('without /proc only the pid is compared', () => {
  const os = new FakeOs();
  os.processes.set(7, 'sent');
  const identity = readIdentity(7, os);
  assert.deepEqual(identity, { pid: 7, startTime: '', bootId: '' });
  assert.equal(isAlive({ pid: 7, startTime: '', bootId: '' }, os), true);
  assert.equal(signalIdentity({ pid: 7, startTime: '', bootId: '' }, 'SIGTERM', os), 'sent');
  assert.deepEqual(os.kills.at(-1), [7, 'SIGTERM']);
  os.processes.delete(7);
  assert.equal(readIdentity(7, os), undefined);
  assert.equal(isAlive({ pid: 7, startTime: '', bootId: '' }, os), false);
});

void test('a process waits while its main thread sleeps, not while it runs or is stopped', onLinux, () => {
  const os = new FakeOs();
  const told = ['S', 'R', 'T', 'D', 'Z'].map((state) => {
    os.files.set('/proc/7/stat', `7 (a) S) ${state} 1 7 7 0`);
    return isWaiting(7, os);
  });
  assert.deepEqual(told, [true, false, false, false, false]);
  assert.equal(isWaiting(8, os), undefined);
  assert.equal(isWaiting(process.pid), false);
});

void test('a process that /proc hides counts as alive and is not signalled', () => {
  const os = new FakeOs();
  os.processes.set(7, 'forbidden');
  const identity = { pid: 7, startTime: '123', bootId: 'b' };
  assert.equal(isAlive(identity, os), true);
  assert.equal(signalIdentity(identity, 'SIGTERM', os), 'stranger');
  assert.deepEqual(
    os.kills.filter(([, signal]) => signal !== 0),
    [],
  );
});

void test('not being allowed to signal the right process is an error with a code', () => {
  const os = new FakeOs();
  const fields = ['S', ...Array.from({ length: 18 }, () => '0'), '123', '0'].join(' ');
  os.files.set('/proc/7/stat', `7 (vhostd: (a b) c) ${fields}\n`);
  os.files.set('/proc/sys/kernel/random/boot_id', 'b\n');
  os.processes.set(7, 'forbidden');
  const identity = readIdentity(7, os);
  assert.deepEqual(identity, { pid: 7, startTime: '123', bootId: 'b' });
  assert.throws(() => signalIdentity({ pid: 7, startTime: '123', bootId: 'b' }, 'SIGTERM', os), {
    code: 'ERR_PROCESS_FORBIDDEN',
  });
});

function identityOf(pid: number): ProcessIdentity {
  const identity = readIdentity(pid);
  assert.ok(identity !== undefined, `no process ${pid}`);
  return identity;
}
