import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { isAlive, readIdentity } from '@vhostd/supervisor';
import { Bench, DEAF, SERVER, until } from './bench.test.kit.js';
import { content, identityOf, next, started } from './daemon-facts.test.kit.js';

const LONG_MS = 2_000_000_000;

void describe('stop', () => {
  void it('says that nothing was running, and makes no directory for it', async (t) => {
    const bench = new Bench(t);
    const { daemon, events } = bench.make(SERVER);
    assert.deepEqual(await daemon.stop(), { status: 'not-running' });
    assert.deepEqual(readdirSync(bench.dir), ['shop.cjs']);
    assert.deepEqual(events, [['daemon.shop.stopped', { status: 'not-running' }]]);
  });

  void it('kills a process that does not end after SIGTERM', async (t) => {
    const bench = new Bench(t);
    const { daemon, ready, log } = bench.make(DEAF, { stopTimeoutMs: 300 });
    const { pid } = started(await daemon.start());
    await ready();
    const exit = next(daemon, 'exit');
    assert.deepEqual(await daemon.stop(), { status: 'killed', pid });
    assert.deepEqual(await exit, [{ pid, code: null, signal: 'SIGKILL' }]);
    assert.deepEqual(log.at(-1), ['warn', `shop: killed, process ${pid}: it did not end after SIGTERM`]);
    assert.deepEqual(readdirSync(bench.runDir), []);
  });

  void it('never signals a stranger that has the pid now', async (t) => {
    const bench = new Bench(t);
    const stranger = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], {
      env: bench.env(),
      stdio: 'ignore',
    });
    await once(stranger, 'spawn');
    const identity = identityOf(stranger.pid ?? 0);
    const { daemon } = bench.make(SERVER);
    for (const other of [
      { ...identity, startTime: String(Number(identity.startTime) - 1) },
      { ...identity, bootId: '0b63f1d6-60ec-4b4f-8e7c-7d9a4e6ad1a7' },
    ]) {
      bench.write('run/shop.pid', content(other));
      assert.equal(daemon.pid, undefined);
      assert.deepEqual(await daemon.stop(), { status: 'stranger', pid: stranger.pid });
      assert.deepEqual(await daemon.stop(), { status: 'not-running' }, 'the file was removed');
      bench.write('run/shop.pid', content(other));
      const { pid } = started(await daemon.restart());
      assert.notEqual(pid, stranger.pid);
      await daemon.stop();
    }
    assert.equal(isAlive(identity), true);
  });

  void it('removes a file that is no PID file, as a stop of a process removes its own', async (t) => {
    const bench = new Bench(t);
    const { daemon } = bench.make(SERVER);
    mkdirSync(bench.runDir, { mode: 0o700 });
    for (const text of ['', 'hello', `${process.pid}\n`, '-1\n1\nx\n', '9'.repeat(10_000)]) {
      bench.write('run/shop.pid', text);
      assert.deepEqual(await daemon.stop(), { status: 'not-running' });
      assert.deepEqual(readdirSync(bench.runDir), []);
    }
  });

  void it('is one stop when it is called twice at once, also from another object', async (t) => {
    const bench = new Bench(t);
    const { daemon } = bench.make(SERVER);
    const { daemon: other } = bench.make(SERVER);
    const { pid } = started(await daemon.start());
    const first = daemon.stop();
    assert.equal(daemon.stop(), first);
    const statuses = (await Promise.all([first, other.stop()])).map(({ status }) => status);
    assert.ok(
      statuses.every((status) => status === 'stopped' || status === 'not-running'),
      statuses.join(),
    );
    assert.equal(readIdentity(pid), undefined);
  });

  void it('gives up a start that is under way', async (t) => {
    const bench = new Bench(t);
    const { daemon } = bench.make(SERVER, { minUptimeMs: LONG_MS });
    const start = daemon.start();
    const pid = daemon.proc?.pid;
    assert.deepEqual(await daemon.stop(), { status: 'stopped', pid });
    assert.deepEqual(await start, { status: 'cancelled' });
    const again = daemon.start();
    const stop = daemon.stop();
    const later = daemon.start({ minUptimeMs: 0 });
    assert.deepEqual(await again, { status: 'cancelled' });
    assert.equal((await stop).status, 'stopped');
    assert.equal((await later).status, 'started', 'calls are carried out in their order');
  });

  void it('finds the process although its PID file was removed', async (t) => {
    const bench = new Bench(t);
    const { daemon, log } = bench.make(SERVER);
    const { pid } = started(await daemon.start());
    rmSync(daemon.pidFile);
    assert.deepEqual(await daemon.start(), { status: 'running', pid });
    assert.equal(readFileSync(daemon.pidFile, 'utf8').split('\n')[0], String(pid));
    assert.equal(log.filter(([level]) => level === 'warn').length, 1);
    rmSync(daemon.pidFile);
    assert.deepEqual(await daemon.stop(), { status: 'stopped', pid });
  });

  void it('removes the PID file of a process that ended by itself', async (t) => {
    const bench = new Bench(t);
    const { daemon, ready } = bench.make(SERVER);
    const { pid } = started(await daemon.start());
    await ready();
    const exit = next(daemon, 'exit');
    process.kill(pid, 'SIGINT');
    assert.deepEqual(await exit, [{ pid, code: null, signal: 'SIGINT' }]);
    await until('the PID file is gone', () => readdirSync(bench.runDir).length === 0);
  });
});

void describe('restart', () => {
  /** Notes when it begins, and when it ends, some time after SIGTERM. */
  const SLOW = `const note = (what) => require('fs').appendFileSync(process.env.NOTES, what + '\\n');
    process.on('SIGTERM', () => setTimeout(() => { note('end'); process.exit(); }, 200));
    setInterval(() => {}, 1000);
    note('begin');
    require('fs').writeFileSync(process.env.READY, 'ready');`;

  void it('starts the next process after the end of the one before', async (t) => {
    const bench = new Bench(t);
    const env = bench.env({
      NOTES: path.join(bench.dir, 'notes'),
      READY: path.join(bench.dir, 'shop.ready'),
    });
    const { daemon, ready } = bench.make(SLOW, { env });
    const first = started(await daemon.restart());
    await ready();
    const restart = daemon.restart();
    assert.equal(daemon.restart(), restart, 'two at once are one');
    const second = started(await restart);
    await ready();
    assert.notEqual(second.pid, first.pid);
    await daemon.stop();
    assert.equal(bench.read('notes'), 'begin\nend\nbegin\nend\n');
  });

  void it('starts nothing any more when stop is called while it is under way', async (t) => {
    const bench = new Bench(t);
    const env = bench.env({
      NOTES: path.join(bench.dir, 'notes'),
      READY: path.join(bench.dir, 'shop.ready'),
    });
    const { daemon, ready } = bench.make(SLOW, { env });
    const { pid } = started(await daemon.start());
    await ready();
    const restart = daemon.restart();
    const stop = daemon.stop();
    assert.deepEqual(await stop, { status: 'stopped', pid });
    assert.deepEqual(await restart, { status: 'cancelled' });
    assert.equal(bench.read('notes'), 'begin\nend\n');
    assert.deepEqual(bench.processes(), []);
  });

  void it('is done again when it is called after the new process was started', async (t) => {
    const bench = new Bench(t);
    const { daemon } = bench.make(SERVER, { minUptimeMs: LONG_MS });
    const first = daemon.restart();
    await until('the process', () => daemon.isOurDaemon());
    const { pid } = daemon;
    const second = daemon.restart();
    await until('the next process', () => daemon.isOurDaemon() && daemon.pid !== pid);
    assert.deepEqual(await first, { status: 'cancelled' });
    const stopped = daemon.pid;
    assert.deepEqual(await daemon.stop(), { status: 'stopped', pid: stopped });
    assert.deepEqual(await second, { status: 'cancelled' });
  });
});
