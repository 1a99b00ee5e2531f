// The slot, the adapter and the heartbeat with real processes.
import assert from 'node:assert/strict';
import { fork, spawn } from 'node:child_process';
import type { ChildProcess, StdioOptions } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, test } from 'node:test';
import { fromChildProcess } from './child-handle.js';
import type { ChildReason } from './child-reason.js';
import { Heartbeat } from './heartbeat.js';
import { isAlive, readIdentity } from './process-identity.js';
import { SupervisedChild } from './supervised-child.js';
import type { SupervisedChildOptions } from './supervised-child-options.js';

const STDIO: StdioOptions = ['ignore', 'inherit', 'inherit', 'ipc'];
const FOR_EVER = "setInterval(() => {}, 1000); process.on('disconnect', () => process.exit(9));";
const READY = "process.send('ready');";
const LEAVE_WHEN_ASKED =
  "process.on('message', (message) => { if (message === 'stop') process.disconnect(); });";
const directory = mkdtempSync(join(tmpdir(), 'supervised-'));
const slots: SupervisedChild[] = [];
afterEach(async () => {
  await Promise.all(slots.splice(0).map((slot) => slot.stop({ now: true })));
});
after(() => rmSync(directory, { recursive: true }));

void test('a child that is asked to leave does, and nothing of it is left', async () => {
  const { child, processes } = supervise(`${LEAVE_WHEN_ASKED} ${READY}`);
  child.start();
  await stateOf(child, 'ready');
  assert.equal(child.pid, processes[0]?.pid);
  assert.equal(await child.stop(), 'exited');
  assert.equal(child.state, 'exited');
  assert.deepEqual(child.reason, { what: 'exit', code: 0, signal: null, message: 'exited with code 0' });
  assert.equal(child.pid, undefined);
  const [process] = processes;
  assert.equal(process?.listenerCount('exit'), 0);
  assert.equal(process?.listenerCount('error'), 1);
});

void test('a child that ignores SIGTERM is killed', async () => {
  const { child } = supervise(`process.on('SIGTERM', () => {}); ${FOR_EVER} ${READY}`, {
    shutdown: { softMs: 10, termMs: 100 },
  });
  const events: string[] = [];
  child.on('state', ({ event }) => events.push(event));
  child.start();
  await stateOf(child, 'ready');
  assert.equal(await child.stop(), 'exited');
  assert.equal(child.reason?.signal, 'SIGKILL');
  assert.deepEqual(events.slice(2), ['stop', 'soft-limit', 'term-limit', 'rest']);
});

void test('a child that is stopped by SIGSTOP is killed', async () => {
  const { child, processes } = supervise(`${FOR_EVER} ${READY}`, { shutdown: { softMs: 10, termMs: 10 } });
  child.start();
  await stateOf(child, 'ready');
  processes[0]?.kill('SIGSTOP');
  assert.equal(await child.stop(), 'exited');
  assert.equal(child.reason?.signal, 'SIGKILL');
});

void test('stop now does not wait for the soft limit', async () => {
  const { child } = supervise(`${FOR_EVER} ${READY}`, { shutdown: { softMs: 600_000, termMs: 600_000 } });
  child.start();
  await stateOf(child, 'ready');
  const stopped = child.stop();
  void child.stop({ now: true });
  assert.equal(await stopped, 'exited');
  assert.equal(child.reason?.signal, 'SIGKILL');
});

void test('a child that never gets ready is stopped and given up', async () => {
  const { child } = supervise(FOR_EVER, {
    bootTimeoutMs: 100,
    restart: { intensity: 1 },
    backoff: { baseMs: 1 },
  });
  child.start();
  const reason = await erroredOf(child);
  assert.equal(reason.what, 'boot-limit');
  assert.equal(reason.signal, 'SIGTERM');
  assert.equal(child.restartCount, 1);
});

void test('a child that exits at once is restarted as often as its policy allows', async () => {
  const { child, processes } = supervise('process.exit(3)', {
    restart: { intensity: 3, periodMs: 600_000 },
    backoff: { baseMs: 1, capMs: 5 },
  });
  const exits: (number | null)[] = [];
  child.on('exit', ({ code }) => exits.push(code));
  child.start();
  const reason = await erroredOf(child);
  assert.deepEqual(exits, [3, 3, 3, 3]);
  assert.equal(reason.code, 3);
  assert.equal(new Set(processes.map(({ pid }) => pid)).size, 4);
});

void test('a child that is killed comes back under another pid', async () => {
  const { child, processes } = supervise(`${LEAVE_WHEN_ASKED} ${READY}`, { backoff: { baseMs: 1 } });
  child.start();
  await stateOf(child, 'ready');
  const identity = readIdentity(child.pid ?? 0);
  processes[0]?.kill('SIGKILL');
  await stateOf(child, 'ready');
  assert.equal(processes.length, 2);
  assert.equal(child.restartCount, 1);
  assert.ok(identity !== undefined && !isAlive(identity));
  await child.stop();
});

void test('a program that is not there is a failed start with its reason', async () => {
  const child = new SupervisedChild({
    name: 'missing',
    restart: { intensity: 2 },
    backoff: { baseMs: 1 },
    spawn: () => fromChildProcess(spawn(join(directory, 'missing'), { stdio: 'ignore' })),
  });
  const failures: ChildReason[] = [];
  child.on('spawn-failed', (reason) => failures.push(reason));
  child.on('exit', () => assert.fail('there was no process'));
  child.start();
  assert.equal(child.pid, undefined);
  const reason = await erroredOf(child);
  assert.equal(failures.length, 3);
  assert.equal(reason.what, 'spawn-failed');
  assert.match(reason.message, /^could not be spawned: spawn .*missing ENOENT; gave up after 2 restarts/);
});

void test('a message to a child that has just died is a fault at most, and never throws', async () => {
  const { child, processes } = supervise(`${FOR_EVER} ${READY}`, { restart: { intensity: 0 } });
  child.start();
  await stateOf(child, 'ready');
  processes[0]?.kill('SIGKILL');
  await stateOf(child, 'errored');
  processes[0]?.send('anyone there?');
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(child.state, 'errored');
  assert.equal(child.reason?.signal, 'SIGKILL');
});

void test('child_process.fork fits too', async () => {
  const file = join(directory, 'forked.cjs');
  writeFileSync(file, `${LEAVE_WHEN_ASKED} ${READY}`);
  const child: SupervisedChild = new SupervisedChild({
    name: 'forked',
    spawn: () => {
      const forked = fork(file);
      forked.once('message', () => child.markReady());
      return fromChildProcess(forked, { softStop: () => forked.send('stop') });
    },
  });
  child.start();
  await stateOf(child, 'ready');
  assert.equal(await child.stop(), 'exited');
  assert.equal(child.reason?.code, 0);
});

void test('a process whose only slot is at rest ends by itself', async () => {
  const script = `
    import { spawn } from 'node:child_process';
    import { fromChildProcess, SupervisedChild } from ${JSON.stringify(new URL('./index.js', import.meta.url).href)};
    const child = new SupervisedChild({
      name: 'inner',
      backoff: { baseMs: 1 },
      restart: { intensity: 2 },
      spawn: () => fromChildProcess(spawn(process.execPath, ['-e', 'process.exit(1)'], { stdio: 'ignore' })),
    });
    child.on('errored', async () => {
      child.start();
      await child.stop();
      process.exitCode = child.state === 'exited' ? 42 : 1;
    });
    child.start();`;
  const outer = new SupervisedChild({
    name: 'outer',
    restart: { intensity: 0 },
    bootTimeoutMs: 120_000,
    spawn: () =>
      fromChildProcess(spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: 'inherit' })),
  });
  outer.start();
  await stateOf(outer, 'errored');
  assert.equal(outer.reason?.code, 42);
});

void test('a heartbeat does not take its own blocked event loop for a dead peer, and finds a stopped one', async () => {
  const { child, processes } = supervise(`process.on('message', () => process.send('pong')); ${READY}`);
  child.start();
  await stateOf(child, 'ready');
  const [peer] = processes;
  assert.ok(peer !== undefined);
  let onPong: (() => void) | undefined;
  let onLost: (() => void) | undefined;
  const heartbeat = new Heartbeat({
    intervalMs: 200,
    limitMs: 2000,
    sendPing: () => peer.send('ping'),
    onLost: () => (onLost === undefined ? assert.fail('a living peer was lost') : onLost()),
  });
  peer.on('message', () => {
    heartbeat.pong();
    onPong?.();
  });
  const nextPong = (): Promise<void> =>
    new Promise((resolve) => {
      onPong = resolve;
    });
  await nextPong();
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 3000);
  for (let count = 0; count < 3; count += 1) await nextPong();
  await new Promise<void>((resolve) => {
    onLost = resolve;
    peer.kill('SIGSTOP');
  });
  assert.equal(child.fail('no heartbeat', { now: true }), 'ok');
  await child.stop();
  assert.match(child.reason?.message ?? '', /^no heartbeat; was ended by SIGKILL$/);
});

/** A slot whose processes run `script`, say 'ready' when they are, and are asked to leave by a message 'stop'. */
function supervise(
  script: string,
  options: Partial<SupervisedChildOptions> = {},
): { child: SupervisedChild; processes: ChildProcess[] } {
  const processes: ChildProcess[] = [];
  const child: SupervisedChild = new SupervisedChild({
    name: 'test',
    bootTimeoutMs: 120_000,
    spawn: () => {
      const spawned = spawn(process.execPath, ['-e', script], { stdio: STDIO });
      processes.push(spawned);
      spawned.on('message', (message) => {
        if (message === 'ready' && spawned.pid === child.pid) child.markReady();
      });
      return fromChildProcess(spawned, { softStop: () => spawned.send('stop') });
    },
    ...options,
  });
  slots.push(child);
  return { child, processes };
}

/** The next time that the slot comes to `state`. */
function stateOf(child: SupervisedChild, state: string): Promise<void> {
  return new Promise((resolve, reject) => {
    child.on('state', function look({ to }) {
      if (to === 'errored' && state !== 'errored') reject(new Error(child.reason?.message));
      if (to !== state) return;
      child.off('state', look);
      resolve();
    });
  });
}

function erroredOf(child: SupervisedChild): Promise<ChildReason> {
  return new Promise((resolve) => {
    child.once('errored', resolve);
  });
}
