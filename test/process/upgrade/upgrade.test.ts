// The daemon, its master and the workers are replaced under load by what is on disk now.
import assert from 'node:assert/strict';
import { appendFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { SEEN } from '../../kit/echo-headers.js';
import { Load, MIXED } from '../../kit/load.js';
import { otherNode } from '../../kit/other-node.js';
import { OwnProgram, ownProgram } from '../../kit/own-program.js';
import { until } from '../../kit/until.js';
import { portOf, serves, startVhostd, workerPids } from '../../kit/start-vhostd.js';
import { WireClient } from '../../kit/wire-client.js';

const HOST = 'a.test';

void describe('an upgrade', { concurrency: 2 }, () => {
  void it('runs what is on disk now, and loses nothing', async (t) => {
    const vhostd = await startVhostd(t, {
      daemon: true,
      program: ownProgram,
      sites: [{ siteId: 'a', cpuLen: 2 }],
    });
    const before = await vhostd.serves();
    const port = portOf(before);
    const kept = new Load({
      port,
      host: HOST,
      connections: 'kept',
      clientCount: 6,
      pauseMaxMs: 10,
      ...MIXED,
    });
    const fresh = new Load({ port, host: HOST, connections: 'fresh', pauseMaxMs: 10 });
    const half = await WireClient.open(port);
    half.send(`GET /half?answer=5 HTTP/1.1\r\nHo`);
    await Promise.all([kept, fresh].map((load) => load.progress(100)));
    appendFileSync(new OwnProgram(vhostd.dir).file('daemon.js'), "\nconsole.log('the next version');\n");

    const upgrading = vhostd.run('upgrade');
    await until('the new master loads the sites', () => {
      const value = vhostd.output;
      return { done: /loads the sites/.test(value), value };
    });
    // Its worker must stay for it.
    const slow = await WireClient.open(port);
    slow.send(`GET /slow?until=finished&answer=5 HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`);
    const upgraded = await upgrading;
    assert.equal(upgraded.code, 0, upgraded.stderr);
    const after = await vhostd.serves();
    assert.match(upgraded.stdout, new RegExp(`\nvhostd upgraded: process ${after.daemon.pid}, .*\n$`));
    assert.match(vhostd.output, /the next version/);
    assert.equal(vhostd.pidInFile(), after.daemon.pid);
    assert.notEqual(after.daemon.pid, before.daemon.pid);
    assert.notEqual(after.master?.pid, before.master?.pid);
    assert.equal(portOf(after), port);
    half.send(`st: ${HOST}\r\n\r\n`);
    assert.equal((await half.answer()).status, 200);
    vhostd.touch('finished');
    const answer = await slow.answer();
    assert.equal(answer.status, 200);
    assert.ok(workerPids(before).includes(Number(answer.headers[SEEN.pid])));
    await until('new workers have answered', () => {
      const value = [...fresh.outcome.pids];
      return { done: value.some((pid) => workerPids(after).includes(pid)), value };
    });
    await Promise.all([kept, fresh].map((load) => load.progress(100)));
    for (const load of [kept, fresh]) {
      const outcome = await load.stop();
      t.diagnostic(String(outcome));
      outcome.assertNothingLost();
    }
    half.close();
    slow.close();

    // The old half leaves; the new one is a daemon in every respect.
    assert.equal((await vhostd.ended).code, 0);
    const left = vhostd.processes();
    for (const pid of [before.daemon.pid, before.master?.pid ?? 0, ...workerPids(before)]) {
      assert.ok(!left.includes(pid), String(pid));
    }
    process.kill(after.daemon.pid, 'SIGKILL');
    const next = await vhostd.until('another daemon answers', (now) => now.daemon.pid !== after.daemon.pid);
    assert.equal(next.master?.pid, after.master?.pid);
    await vhostd.stop();
  });

  void it('goes to another Node and back', async (t) => {
    const vhostd = await startVhostd(t, { daemon: true, sites: [{ siteId: 'a', cpuLen: 2 }] });
    const { binary, version } = otherNode(t);
    const first = await vhostd.serves();
    const kept = new Load({
      port: portOf(first),
      host: HOST,
      connections: 'kept',
      clientCount: 4,
      pauseMaxMs: 10,
      ...MIXED,
    });
    const fresh = new Load({ port: portOf(first), host: HOST, connections: 'fresh', pauseMaxMs: 10 });
    await Promise.all([kept, fresh].map((load) => load.progress(50)));
    for (const [node, expected] of [
      [binary, version],
      [process.execPath, process.version],
    ] as const) {
      const result = await vhostd.client.upgrade({ node });
      assert.equal(result.node, expected);
      const status = await vhostd.serves();
      assert.deepEqual([status.daemon.pid, status.daemon.node], [result.pid, expected]);
      await Promise.all([kept, fresh].map((load) => load.progress(50)));
    }
    for (const load of [kept, fresh]) {
      const outcome = await load.stop();
      t.diagnostic(String(outcome));
      outcome.assertNothingLost();
    }
    assert.equal((await vhostd.ended).code, 0);
    await vhostd.stop();
  });

  void it('follows SIGUSR2, one at a time', async (t) => {
    const vhostd = await startVhostd(t, { daemon: true, sites: [{ siteId: 'a' }] });
    const { daemon } = await vhostd.serves();
    process.kill(daemon.pid, 'SIGUSR2');
    await until('the upgrade is under way', () => ({
      done: /"event":"upgrade"/.test(vhostd.output),
      value: vhostd.output,
    }));
    await assert.rejects(vhostd.client.upgrade(), { code: 'ERR_UPGRADE_RUNNING' });
    const status = await vhostd.until('another daemon answers', (now) => now.daemon.pid !== daemon.pid);
    assert.equal(serves(status), true);
    assert.equal((await vhostd.ended).code, 0);
    await vhostd.stop();
  });

  void it('ends when the daemon is stopped meanwhile', async (t) => {
    const vhostd = await startVhostd(t, { daemon: true, sites: [{ siteId: 'a' }] });
    await vhostd.serves();
    let begun: () => void = () => undefined;
    const underWay = new Promise<void>((resolve) => {
      begun = resolve;
    });
    const upgrading = vhostd.client.upgrade({ onProgress: () => begun() });
    const refused = assert.rejects(upgrading, { code: /ERR_UPGRADE_FAILED|ERR_CONTROL_LOST/ });
    await underWay;
    await vhostd.client.stop();
    await refused;
    assert.equal((await vhostd.ended).code, 0);
    await vhostd.gone();
  });
});
