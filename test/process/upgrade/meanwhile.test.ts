// What is asked of a daemon while an upgrade is under way: nothing is lost, and every answer is true.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { DaemonStatus } from '@vhostd/protocol';
import { OwnProgram, ownProgram } from '../../kit/own-program.js';
import { isAlive } from '../../kit/processes.js';
import { siteFile } from '../../kit/start-vhostd.js';
import { startVhostd, workerPids } from '../../kit/start-vhostd.js';
import type { FullVhostd } from '../../kit/start-vhostd.js';
import { until } from '../../kit/until.js';

interface Started {
  vhostd: FullVhostd;
  next: OwnProgram;
  before: DaemonStatus;
}

/** A daemon whose one worker is of release 1. */
async function start(t: TestContext): Promise<Started> {
  const vhostd = await startVhostd(t, {
    daemon: true,
    program: ownProgram,
    sites: [{ siteId: 'a', workerOptions: { env: { RELEASE: '1' } } }],
  });
  return { vhostd, next: new OwnProgram(vhostd.dir), before: await vhostd.serves() };
}

/** The release that each worker runs. */
function releasesOf(status: DaemonStatus): string[] {
  return workerPids(status).map(
    (pid) => /(?:^|\0)RELEASE=(\w+)/.exec(readFileSync(`/proc/${pid}/environ`, 'latin1'))?.[1] ?? 'none',
  );
}

void describe('while an upgrade is under way', { concurrency: 2 }, () => {
  void it('a reload waits for its end and is done by the new daemon, asked for by command or by signal', async (t) => {
    const { vhostd, next, before } = await start(t);
    next.holdMaster();
    const upgrading = vhostd.run('upgrade');
    await next.reached();
    // The next master has read the conf of release 1.
    vhostd.change('a', { workerOptions: { env: { RELEASE: '2' } } });
    const reloading = vhostd.run('reload', 'a');
    await vhostd.logs('order.waiting', 1);
    process.kill(before.daemon.pid, 'SIGHUP');
    await vhostd.logs('order.waiting', 2);
    assert.deepEqual(workerPids(await vhostd.status()), workerPids(before));
    next.release();
    const upgraded = await upgrading;
    assert.equal(upgraded.code, 0, upgraded.stderr);
    const { code, stdout, stderr } = await reloading;
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^a: generation [23]\n$/);
    await vhostd.logs('order.done', 2);
    assert.equal((await vhostd.ended).code, 0);
    const after = await vhostd.serves();
    assert.notEqual(after.daemon.pid, before.daemon.pid);
    assert.deepEqual(releasesOf(after), ['2']);
    await vhostd.stop();
  });

  void it('a reload waits for its end and is done by the old daemon, if the upgrade is backed out', async (t) => {
    const { vhostd, next, before } = await start(t);
    next.holdMaster({ fails: true });
    const upgrading = vhostd.run('upgrade');
    await next.reached();
    vhostd.change('a', { workerOptions: { env: { RELEASE: '2' } } });
    const reloading = vhostd.run('reload');
    await vhostd.logs('order.waiting', 1);
    next.release();
    assert.equal((await upgrading).code, 1);
    assert.deepEqual(await reloading, { code: 0, stdout: 'a: generation 2\n', stderr: '' });
    const after = await vhostd.serves();
    assert.equal(after.daemon.pid, before.daemon.pid);
    assert.deepEqual(releasesOf(after), ['2']);
    await vhostd.stop();
  });

  void it('it has waited for the reload that was at work', async (t) => {
    const { vhostd } = await start(t);
    const events: string[] = [];
    const released = join(vhostd.dir, 'released');
    const workerFile = join(vhostd.dir, 'waiting.mjs');
    writeFileSync(
      workerFile,
      "import { existsSync } from 'node:fs';\nimport { setTimeout as delay } from 'node:timers/promises';\n" +
        `while (!existsSync(${JSON.stringify(released)})) await delay(10);\n` +
        `await import(${JSON.stringify(siteFile('echo'))});\n`,
    );
    vhostd.change('a', { workerFile, workerOptions: { env: { RELEASE: '2' } } });
    const reloading = vhostd.reload().then(({ sites }) => {
      events.push('reloaded');
      return sites;
    });
    await vhostd.until('a new worker is there', ({ sites }) => sites[0]?.workers.length === 2);
    const upgrading = vhostd.client.upgrade({ onProgress: (what) => events.push(what) });
    await until('it tells that it waits', () => ({
      done: events.some((event) => event.startsWith('an order is at work')),
      value: events,
    }));
    assert.equal(events.length, 1);
    writeFileSync(released, '');
    assert.deepEqual(await reloading, [{ siteId: 'a', generation: 2, ok: true }]);
    const { pid } = await upgrading;
    t.diagnostic(events.join('; '));
    const after = await vhostd.serves();
    assert.equal(after.daemon.pid, pid);
    assert.deepEqual(releasesOf(after), ['2']);
    await vhostd.stop();
  });

  void it('the old daemon stays for a reload that the new one does, unless it is told to stop', async (t) => {
    const { vhostd, next, before } = await start(t);
    next.holdMaster();
    const upgrading = vhostd.client.upgrade();
    await next.reached();
    // A reload that takes longer than the test.
    vhostd.change('a', { settleTime: '600s' });
    const refused = assert.rejects(vhostd.reload(), { code: 'ERR_DAEMON_STATE' });
    await vhostd.logs('order.waiting', 1);
    next.release();
    const { pid } = await upgrading;
    await vhostd.until('a new worker is there', ({ sites }) => sites[0]?.workers.length === 2);
    await until('the old master has left', () => ({
      done: !isAlive(before.master?.pid ?? 0),
      value: undefined,
    }));
    assert.equal(isAlive(before.daemon.pid), true);
    process.kill(before.daemon.pid, 'SIGTERM');
    await refused;
    assert.equal((await vhostd.ended).code, 0);
    assert.equal((await vhostd.status()).daemon.pid, pid);
    await vhostd.stop();
  });

  void it('commands reach a daemon even between the two, and a stop stops the new one', async (t) => {
    const { vhostd, next, before } = await start(t);
    next.holdTakeover();
    const upgrading = vhostd.client.upgrade();
    await next.reached();
    vhostd.change('a', { workerOptions: { env: { RELEASE: '2' } } });
    const asked = Promise.all([vhostd.status(), vhostd.reload(), vhostd.run('status')]);
    await delay(500);
    next.release();
    const [status, { sites }, command] = await asked;
    const { pid } = await upgrading;
    assert.equal(status.daemon.pid, pid);
    assert.deepEqual(sites, [{ siteId: 'a', generation: 2, ok: true }]);
    assert.equal(command.code, 0, command.stderr);
    assert.deepEqual(releasesOf(await vhostd.serves()), ['2']);
    assert.equal((await vhostd.ended).code, 0);

    next.holdTakeover();
    const upgradingAgain = vhostd.client.upgrade();
    await next.reached();
    const stopping = vhostd.run('stop');
    await delay(500);
    next.release();
    assert.notEqual((await upgradingAgain).pid, before.daemon.pid);
    assert.deepEqual(await stopping, { code: 0, stdout: 'vhostd stopped\n', stderr: '' });
    await vhostd.gone();
  });

  void it('SIGTERM between the two ends both, and the old daemon last', async (t) => {
    const { vhostd, next, before } = await start(t);
    next.holdTakeover();
    const refused = assert.rejects(vhostd.client.upgrade(), { code: 'ERR_UPGRADE_FAILED' });
    await next.reached();
    process.kill(before.daemon.pid, 'SIGTERM');
    await vhostd.logs('stop.signal', 1);
    next.release();
    await refused;
    assert.equal((await vhostd.ended).code, 0);
    assert.deepEqual(vhostd.processes(), []);
  });
});
