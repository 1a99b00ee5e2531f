import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { afterEach, describe, it } from 'node:test';
import { VERSION } from '../version.js';
import { Bench, fixture, guardsOf, next, talk } from '../fixtures/bench.test.kit.js';
import { DaemonClient } from './daemon-client.js';

const bench = new Bench();
afterEach(() => bench.clear());

void describe('DaemonClient', () => {
  void it('says that no daemon is running', async () => {
    const client = new DaemonClient(path.join(bench.directory(), 'run'));
    for (const call of [() => client.status(), () => client.reload(), () => client.stop()]) {
      await assert.rejects(call, { code: 'ERR_DAEMON_NOT_RUNNING' });
    }
  });

  void it('gets the status of the daemon, its master and its sites', async () => {
    const { daemon, pid, port } = await bench.serving();
    const status = await new DaemonClient(daemon.runDir).status();
    assert.deepEqual(
      { ...status.daemon, uptimeMs: 0 },
      {
        pid: process.pid,
        version: VERSION,
        node: process.version,
        uptimeMs: 0,
        stateDir: daemon.stateDir,
      },
    );
    assert.equal(status.master?.pid, pid);
    assert.deepEqual(status.listeners, [{ address: '127.0.0.1', port, type: 'tcp' }]);
    assert.deepEqual(
      status.sites.map(({ siteId, workers }) => [siteId, workers.length]),
      [
        ['a', 2],
        ['b', 0],
      ],
    );
  });

  void it('reloads one site or all, and gets the outcome of each', async () => {
    const { daemon } = await bench.serving();
    const client = new DaemonClient(daemon.runDir);
    assert.deepEqual(await client.reload(), { sites: [{ siteId: 'a', generation: 2, ok: true }] });
    const { sites } = await client.reload('b');
    assert.equal(sites[0]?.error?.code, 'ERR_SITE_BOOT');
    await assert.rejects(client.reload('nobody'), { code: 'ERR_SITE_UNKNOWN' });
  });

  void it('pauses, resumes and puts into maintenance, each with what the master said', async () => {
    const { daemon } = await bench.serving();
    const client = new DaemonClient(daemon.runDir);
    assert.deepEqual(await client.pause('a'), { siteId: 'a', timeoutMs: 1, maxCount: 5 });
    assert.deepEqual(await client.pause('a', { timeout: 9 }), { siteId: 'a', timeoutMs: 9, maxCount: 5 });
    assert.deepEqual(await client.resume('a'), { siteId: 'a', wasPaused: true, heldCount: 7 });
    const on = { siteId: 'a', on: true, silentCount: 0 };
    assert.deepEqual(await client.maintenance('a'), on);
    assert.deepEqual(await client.maintenance('a', { message: 'm' }), { ...on, page: 'm' });
    assert.deepEqual(await client.maintenance('a', null), { ...on, on: false });
    await assert.rejects(client.pause('silent'), { code: 'ERR_MESSAGE_INVALID' });
  });

  void it('stops a daemon, and returns when its process has gone', async () => {
    const { process: daemon, runDir } = await owning();
    const exited = once(daemon, 'exit');
    await new DaemonClient(runDir).stop();
    assert.equal(existsSync(path.join(runDir, 'control.sock')), false);
    assert.deepEqual(await exited, [0, null]);
  });

  void it('stops a daemon that drains when it is told to now', async () => {
    const { process: daemon, runDir } = await owning('--draining');
    const exited = once(daemon, 'exit');
    const draining = message(daemon, 'draining');
    const first = new DaemonClient(runDir).stop();
    await draining;
    await new DaemonClient(runDir).stop({ now: true });
    await first;
    assert.deepEqual(await exited, [0, null]);
  });
});

void describe('a daemon with a process of its own', () => {
  void it('stops on SIGTERM and on SIGINT, leaves nothing behind and exits with 0', async () => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      const { process: daemon, runDir } = await owning();
      const exited = once(daemon, 'exit');
      daemon.kill(signal);
      assert.deepEqual(await exited, [0, null]);
      assert.equal(existsSync(path.join(runDir, 'daemon.pid')), false);
      assert.equal(existsSync(path.join(runDir, 'control.sock')), false);
    }
  });

  void it('drains on the first signal and is done with it on the second', async () => {
    const { process: daemon } = await owning('--draining');
    const exited = once(daemon, 'exit');
    const draining = message(daemon, 'draining');
    daemon.kill('SIGTERM');
    await draining;
    daemon.kill('SIGTERM');
    assert.deepEqual(await exited, [0, null]);
  });

  void it('reloads all on SIGHUP', async () => {
    const { process: daemon, runDir } = await owning();
    const client = new DaemonClient(runDir);
    assert.equal((await client.status()).sites[0]?.generation, 1);
    daemon.kill('SIGHUP');
    let generation: number | undefined = 1;
    while (generation === 1) generation = (await client.status()).sites[0]?.generation;
    assert.equal(generation, 2);
  });

  void it('is refused where another one runs', async () => {
    const { runDir } = await owning();
    const second = forked(runDir, fixture('serving-master'));
    assert.equal(await message(second, 'refused'), 'ERR_DAEMON_RUNNING');
    await once(second, 'exit');
    assert.equal((await new DaemonClient(runDir).status()).sites.length, 2);
  });

  void it('exits with the code of a master that gave up, or was given up', async () => {
    const failing = forked(bench.directory(), fixture('fatal-master'));
    const failed = message(failing, 'error');
    assert.deepEqual(await once(failing, 'exit'), [100, null]);
    assert.equal(await failed, 'ERR_CONF_INVALID');
    const exiting = forked(bench.directory(), fixture('exiting-master'), '7');
    assert.deepEqual(await once(exiting, 'exit'), [102, null]);
  });

  void it('that was killed is no obstacle to the next one', async () => {
    const { process: killed, runDir } = await owning();
    for (const guard of guardsOf(path.join(runDir, 'daemon.pid'))) process.kill(guard, 'SIGKILL');
    killed.kill('SIGKILL');
    await once(killed, 'exit');
    const daemon = bench.daemon({ runDir });
    const loaded = next(daemon, 'loaded');
    await daemon.run();
    await loaded;
    const { master, listeners } = await daemon.status();
    assert.equal(await talk(listeners[0]?.port ?? 0), String(master?.pid));
  });
});

async function owning(...masterArgs: string[]): Promise<{ process: ChildProcess; runDir: string }> {
  const runDir = path.join(bench.directory(), 'run');
  const child = forked(runDir, fixture('serving-master'), ...masterArgs);
  await message(child, 'loaded');
  return { process: child, runDir };
}

function forked(...args: string[]): ChildProcess {
  const child = fork(fixture('owning-daemon'), args);
  bench.later(() => ended(child));
  return child;
}

/** In order: its guard would bring a killed one back. */
async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  await exited;
}

/** What a daemon says of itself under this key. */
function message(child: ChildProcess, key: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    child.on('message', (said: object) => {
      if (key in said) resolve(Reflect.get(said, key));
    });
    child.once('exit', (code, signal) =>
      reject(new Error(`ended (${code ?? signal}) before it said ${key}`)),
    );
  });
}
