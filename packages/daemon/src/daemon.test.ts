import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { afterEach, describe, it } from 'node:test';
import { Daemon } from './daemon.js';
import { Bench, fixture, next, talk } from './fixtures/bench.test.kit.js';

const bench = new Bench();
afterEach(() => bench.clear());

void describe('Daemon', () => {
  void it('says loadend after its constructor, runs the master file, and tells what it does', async () => {
    const daemon = bench.daemon();
    const events: string[] = [];
    for (const event of ['loadend', 'master::spawned', 'master::ready', 'loaded', 'stopped'] as const) {
      daemon.on(event, () => events.push(event));
    }
    await next(daemon, 'loadend');
    const settled = Promise.all([next(daemon, 'master::ready'), next(daemon, 'loaded')]);
    await daemon.run();
    await settled;
    await daemon.stop();
    assert.deepEqual(events.slice(0, 2), ['loadend', 'master::spawned']);
    assert.deepEqual(events.slice(2, 4).toSorted(), ['loaded', 'master::ready']);
    assert.deepEqual(events.slice(4), ['stopped']);
  });

  void it('tells which sites could not be loaded', async () => {
    const daemon = bench.daemon({ masterArgs: ['--failing', 'b'] });
    const loaded = next(daemon, 'loaded');
    await daemon.run();
    const [[failure, ...others]] = await loaded;
    assert.equal(failure?.siteId, 'b');
    assert.equal(failure.error.code, 'ERR_SITE_BOOT');
    assert.deepEqual(others, []);
  });

  void it('runs with the master that setMasterFile names, over Node’s own channel too', async () => {
    const daemon = new Daemon({
      runDir: bench.directory(),
      signals: false,
      logLevel: 'silent',
      linkType: 'ipc',
    });
    daemon.setMasterFile(fixture('serving-master'));
    const loaded = next(daemon, 'loaded');
    await daemon.run();
    await loaded;
    const { master, listeners } = await daemon.status();
    assert.equal(await talk(listeners[0]?.port ?? 0), String(master?.pid));
    await daemon.stop();
  });

  void it('refuses to run without a master file, leaves nothing behind, and runs once there is one', async () => {
    const runDir = path.join(bench.directory(), 'run');
    const daemon = new Daemon({ runDir, signals: false, logLevel: 'silent' });
    await assert.rejects(daemon.run(), { code: 'ERR_DAEMON_MASTER_FILE' });
    daemon.setMasterFile(path.join(runDir, 'missing.js'));
    await assert.rejects(daemon.run(), { code: 'ERR_DAEMON_MASTER_FILE', message: /missing\.js/ });
    assert.equal(existsSync(runDir), false);
    daemon.setMasterFile(fixture('serving-master'));
    await daemon.run();
    await assert.rejects(daemon.run(), { code: 'ERR_DAEMON_STATE' });
    await daemon.stop();
    await assert.rejects(daemon.run(), { code: 'ERR_DAEMON_STATE' });
  });

  void it('refuses options that are none', () => {
    assert.throws(() => bench.daemon({ logLevel: 'loud' as 'info' }), { code: 'ERR_DAEMON_OPTION' });
  });

  void it('is the only one of its run directory, until it has stopped', async () => {
    const { daemon } = await bench.serving();
    const second = bench.daemon({ runDir: daemon.runDir });
    await assert.rejects(second.run(), {
      code: 'ERR_DAEMON_RUNNING',
      info: { pid: process.pid, path: daemon.runDir },
    });
    await daemon.stop();
    await second.run();
  });

  void it('leaves neither PID file nor control socket when it stops', async () => {
    const { daemon } = await bench.serving();
    const files = ['daemon.pid', 'control.sock'].map((name) => path.join(daemon.runDir, name));
    assert.deepEqual(files.map(existsSync), [true, true]);
    const stopped = next(daemon, 'stopped');
    await daemon.stop();
    assert.deepEqual(await stopped, [0]);
    assert.deepEqual(files.map(existsSync), [false, false]);
    await assert.rejects(daemon.status(), { code: 'ERR_DAEMON_STATE' });
  });
});

void describe('the master that dies', () => {
  void it('is replaced, and who connects meanwhile is served by the next one', async () => {
    const { daemon, pid, port } = await bench.serving({ supervision: { backoff: { baseMs: 200 } } });
    const exit = next(daemon, 'master::exit');
    const loaded = next(daemon, 'loaded');
    process.kill(pid, 'SIGKILL');
    const [reason] = await exit;
    assert.equal(reason.signal, 'SIGKILL');
    assert.equal((await daemon.status()).master, undefined);
    const answers = Promise.all(Array.from({ length: 20 }, () => talk(port)));
    await loaded;
    const { master, listeners } = await daemon.status();
    assert.equal(listeners[0]?.port, port);
    assert.notEqual(master?.pid, pid);
    assert.equal(master?.restarts, 1);
    assert.deepEqual(new Set(await answers), new Set([String(master.pid)]));
  });

  void it('is replaced at once the first time, and serves again however often it is killed', async () => {
    const { daemon, pid, port } = await bench.serving();
    let killed = pid;
    for (let round = 0; round < 3; round += 1) {
      const loaded = next(daemon, 'loaded');
      process.kill(killed, 'SIGKILL');
      await loaded;
      killed = (await daemon.status()).master?.pid ?? 0;
      assert.equal(await talk(port), String(killed));
    }
  });

  void it('is given up when it ends more often than it may', async () => {
    const daemon = bench.daemon({
      masterFile: fixture('exiting-master'),
      masterArgs: ['3'],
      supervision: { restart: { intensity: 3, periodMs: 600_000 }, backoff: { baseMs: 1, factor: 2 } },
    });
    const codes: unknown[] = [];
    daemon.on('master::exit', ({ code }) => codes.push(code));
    const failed = next(daemon, 'error');
    const stopped = next(daemon, 'stopped');
    await daemon.run();
    const [error] = await failed;
    assert.match(error.message, /exited with code 3; gave up after 3 restarts/);
    assert.equal('code' in error && error.code, 'ERR_MASTER_ERRORED');
    assert.deepEqual(await stopped, [Daemon.EXIT_CODES.masterErrored]);
    assert.deepEqual(codes, [3, 3, 3, 3]);
    assert.equal(existsSync(path.join(daemon.runDir, 'daemon.pid')), false);
  });

  void it('is not replaced when it says that its conf can’t be had', async () => {
    const daemon = bench.daemon({ masterFile: fixture('fatal-master') });
    let spawned = 0;
    daemon.on('master::spawned', () => (spawned += 1));
    const failed = next(daemon, 'error');
    const stopped = next(daemon, 'stopped');
    await daemon.run();
    const [error] = await failed;
    assert.equal('code' in error && error.code, 'ERR_CONF_INVALID');
    assert.equal(error.message, 'sites[0].port: 70000 is too much');
    assert.deepEqual(await stopped, [100]);
    assert.equal(spawned, 1);
  });

  void it('is killed and replaced when it no longer answers', async () => {
    const { daemon } = await bench.serving({
      supervision: { heartbeat: { intervalMs: 200, limitMs: 2_000 } },
    });
    const exit = next(daemon, 'master::exit');
    const loaded = next(daemon, 'loaded');
    const hung = daemon.callMaster('hang');
    await assert.rejects(hung, { code: 'ERR_CALL_LOST' });
    const [reason] = await exit;
    assert.match(reason.message, /^no answer for \d+ ms; was ended by SIGKILL$/);
    await loaded;
  });

  void it('is replaced again and again when it hangs while it boots, until it is given up', async () => {
    const daemon = bench.daemon({
      masterArgs: ['--hanging'],
      supervision: {
        bootTimeoutMs: 300,
        restart: { intensity: 2, periodMs: 600_000 },
        backoff: { baseMs: 1 },
      },
    });
    let spawned = 0;
    daemon.on('master::spawned', () => (spawned += 1));
    const failed = next(daemon, 'error');
    await daemon.run();
    const [error] = await failed;
    assert.match(error.message, /not ready within 300 ms.*gave up after 2 restarts/);
    assert.equal(spawned, 3);
  });

  void it('is killed and replaced when it breaks the rules of the link', async () => {
    const { daemon } = await bench.serving();
    const exit = next(daemon, 'master::exit');
    const loaded = next(daemon, 'loaded');
    await assert.rejects(daemon.callMaster('break the rules'), { code: 'ERR_CALL_LOST' });
    const [reason] = await exit;
    assert.match(reason.message, /rules of its link.*SIGKILL/);
    await loaded;
  });
});

void describe('stop', () => {
  void it('waits for a master that drains, until it is told to be done now', async () => {
    const { daemon } = await bench.serving({ masterArgs: ['--draining'] });
    const draining = new Promise<void>((resolve) => {
      daemon.onMasterCall('draining', () => resolve());
    });
    const exit = next(daemon, 'master::exit');
    const stopped = daemon.stop();
    await draining;
    assert.equal((await daemon.status()).sites.length, 2);
    await daemon.stop({ now: true });
    await stopped;
    const [reason] = await exit;
    assert.equal(reason.code, 0);
  });

  void it('kills a master that does not leave', async () => {
    const { daemon } = await bench.serving({
      masterArgs: ['--stubborn'],
      supervision: { stopNowTimeoutMs: 100 },
    });
    const exit = next(daemon, 'master::exit');
    await daemon.stop({ now: true });
    const [reason] = await exit;
    assert.equal(reason.signal, 'SIGKILL');
  });

  void it('goes from asking to SIGTERM to SIGKILL within its limits', async () => {
    const { daemon } = await bench.serving({
      masterArgs: ['--stubborn'],
      supervision: { stopTimeoutMs: 100, stopNowTimeoutMs: 100 },
    });
    const exit = next(daemon, 'master::exit');
    await daemon.stop();
    const [reason] = await exit;
    assert.equal(reason.signal, 'SIGKILL');
  });

  void it('may come while the master is between two lives, before run, and after a stop', async () => {
    const daemon = bench.daemon({
      masterFile: fixture('exiting-master'),
      masterArgs: ['0'],
      supervision: { backoff: { baseMs: 600_000, capMs: 600_000 } },
    });
    await daemon.stop();
    const exit = next(daemon, 'master::exit');
    await daemon.run();
    await exit;
    await daemon.stop();
    await daemon.stop();
  });
});
