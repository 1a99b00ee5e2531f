// What is asked of a daemon while an upgrade is under way: nothing is lost, and every answer is true.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { DaemonStatus } from '@vhostd/protocol';
import { HeldProgram } from '../../kit/held-program.js';
import { LastingRig, serves, workerPids } from '../../kit/lasting-rig.js';
import { ownProgram } from '../../kit/own-program.js';
import { isAlive } from '../../kit/processes.js';
import { siteFile } from '../../kit/rig.js';
import { until } from '../../kit/until.js';

interface Started {
  rig: LastingRig;
  next: HeldProgram;
  before: DaemonStatus;
}

/** A daemon whose one worker is of release 1. */
async function start(t: TestContext, site: Record<string, unknown> = {}): Promise<Started> {
  const rig = await LastingRig.start(t, {
    program: ownProgram,
    cpuLen: 1,
    site: { workerOptions: { env: { RELEASE: '1' } }, ...site },
  });
  return { rig, next: new HeldProgram(rig.dir), before: await rig.until('the site serves', serves) };
}

/** The release that each worker runs. */
function releasesOf(status: DaemonStatus): string[] {
  return workerPids(status).map(
    (pid) => /(?:^|\0)RELEASE=(\w+)/.exec(readFileSync(`/proc/${pid}/environ`, 'latin1'))?.[1] ?? 'none',
  );
}

/** Waits until the first daemon's log tells so many times of an event. */
async function logged(rig: LastingRig, event: string, count: number): Promise<void> {
  await until(`${count} × ${event}`, () => {
    const lines = rig.output.split('\n').filter((line) => line.includes(`"pid":${rig.first.pid},`));
    const value = lines.filter((line) => line.includes(`"event":"${event}"`)).length;
    return { done: value >= count, value };
  });
}

void describe('while an upgrade is under way', () => {
  void it('a reload waits for its end and is done by the new daemon, asked for by command or by signal', async (t) => {
    const { rig, next, before } = await start(t);
    next.holdMaster();
    const upgrading = rig.command('upgrade');
    await next.reached();
    // The next master has read the conf of release 1.
    rig.configure({ workerOptions: { env: { RELEASE: '2' } } });
    const reloading = rig.command('reload', 'a');
    await logged(rig, 'order.waiting', 1);
    process.kill(before.daemon.pid, 'SIGHUP');
    await logged(rig, 'order.waiting', 2);
    assert.deepEqual(workerPids(await rig.client.status()), workerPids(before));
    next.release();
    const upgraded = await upgrading;
    assert.equal(upgraded.code, 0, upgraded.stderr);
    const { code, stdout, stderr } = await reloading;
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^a: generation [23]\n$/);
    await logged(rig, 'order.done', 2);
    assert.equal(await rig.first.ended, 0);
    const after = await rig.until('the site serves', serves);
    assert.notEqual(after.daemon.pid, before.daemon.pid);
    assert.deepEqual(releasesOf(after), ['2']);
    await rig.client.stop();
    await rig.gone();
  });

  void it('a reload waits for its end and is done by the old daemon, if the upgrade is backed out', async (t) => {
    const { rig, next, before } = await start(t);
    next.holdMaster({ fails: true });
    const upgrading = rig.command('upgrade');
    await next.reached();
    rig.configure({ workerOptions: { env: { RELEASE: '2' } } });
    const reloading = rig.command('reload');
    await logged(rig, 'order.waiting', 1);
    next.release();
    assert.equal((await upgrading).code, 1);
    assert.deepEqual(await reloading, { code: 0, stdout: 'a: generation 2\n', stderr: '' });
    const after = await rig.until('the site serves', serves);
    assert.equal(after.daemon.pid, before.daemon.pid);
    assert.deepEqual(releasesOf(after), ['2']);
    await rig.client.stop();
    await rig.gone();
  });

  void it('it has waited for the reload that was at work', async (t) => {
    const { rig } = await start(t);
    const events: string[] = [];
    const released = join(rig.dir, 'released');
    const workerFile = join(rig.dir, 'waiting.mjs');
    writeFileSync(
      workerFile,
      "import { existsSync } from 'node:fs';\nimport { setTimeout as delay } from 'node:timers/promises';\n" +
        `while (!existsSync(${JSON.stringify(released)})) await delay(10);\n` +
        `await import(${JSON.stringify(siteFile('exchange'))});\n`,
    );
    rig.configure({ workerFile, workerOptions: { env: { RELEASE: '2' } } });
    const reloading = rig.client.reload().then(({ sites }) => {
      events.push('reloaded');
      return sites;
    });
    await rig.until('a new worker is there', ({ sites }) => sites[0]?.workers.length === 2);
    const upgrading = rig.client.upgrade({ onProgress: (what) => events.push(what) });
    await until('it tells that it waits', () => ({
      done: events.some((event) => event.startsWith('an order is at work')),
      value: events,
    }));
    assert.equal(events.length, 1);
    writeFileSync(released, '');
    assert.deepEqual(await reloading, [{ siteId: 'a', generation: 2, ok: true }]);
    const { pid } = await upgrading;
    t.diagnostic(events.join('; '));
    const after = await rig.until('the site serves', serves);
    assert.equal(after.daemon.pid, pid);
    assert.deepEqual(releasesOf(after), ['2']);
    await rig.client.stop();
    await rig.gone();
  });

  void it('the old daemon stays for a reload that the new one does, unless it is told to stop', async (t) => {
    const { rig, next, before } = await start(t);
    next.holdMaster();
    const upgrading = rig.client.upgrade();
    await next.reached();
    // A reload that takes longer than the test.
    rig.configure({ settleTime: '600s' });
    const refused = assert.rejects(rig.client.reload(), { code: 'ERR_DAEMON_STATE' });
    await logged(rig, 'order.waiting', 1);
    next.release();
    const { pid } = await upgrading;
    await rig.until('a new worker is there', ({ sites }) => sites[0]?.workers.length === 2);
    await until('the old master has left', () => ({
      done: !isAlive(before.master?.pid ?? 0),
      value: undefined,
    }));
    assert.equal(isAlive(before.daemon.pid), true);
    process.kill(before.daemon.pid, 'SIGTERM');
    await refused;
    assert.equal(await rig.first.ended, 0);
    assert.equal((await rig.client.status()).daemon.pid, pid);
    await rig.client.stop();
    await rig.gone();
  });

  void it('commands reach a daemon even between the two, and a stop stops the new one', async (t) => {
    const { rig, next, before } = await start(t);
    next.holdTakeover();
    const upgrading = rig.client.upgrade();
    await next.reached();
    rig.configure({ workerOptions: { env: { RELEASE: '2' } } });
    const asked = Promise.all([rig.client.status(), rig.client.reload(), rig.command('status')]);
    await delay(500);
    next.release();
    const [status, { sites }, command] = await asked;
    const { pid } = await upgrading;
    assert.equal(status.daemon.pid, pid);
    assert.deepEqual(sites, [{ siteId: 'a', generation: 2, ok: true }]);
    assert.equal(command.code, 0, command.stderr);
    assert.deepEqual(releasesOf(await rig.until('the site serves', serves)), ['2']);
    assert.equal(await rig.first.ended, 0);

    next.holdTakeover();
    const upgradingAgain = rig.client.upgrade();
    await next.reached();
    const stopping = rig.command('stop');
    await delay(500);
    next.release();
    assert.notEqual((await upgradingAgain).pid, before.daemon.pid);
    assert.deepEqual(await stopping, { code: 0, stdout: 'vhostd stopped\n', stderr: '' });
    await rig.gone();
  });

  void it('SIGTERM between the two ends both, and the old daemon last', async (t) => {
    const { rig, next, before } = await start(t);
    next.holdTakeover();
    const refused = assert.rejects(rig.client.upgrade(), { code: 'ERR_UPGRADE_FAILED' });
    await next.reached();
    process.kill(before.daemon.pid, 'SIGTERM');
    await logged(rig, 'stop.signal', 1);
    next.release();
    await refused;
    assert.equal(await rig.first.ended, 0);
    assert.deepEqual(rig.processes(), []);
  });
});
