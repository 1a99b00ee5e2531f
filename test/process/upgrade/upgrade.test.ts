// The daemon, its master and the workers are replaced under load by what is on disk now.
import assert from 'node:assert/strict';
import { appendFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { LastingRig, HOST, portOf, serves, workerPids } from '../../kit/lasting-rig.js';
import { SEEN } from '../../kit/exchange-headers.js';
import { ConnectLoad } from '../../kit/connect-load.js';
import { KeepAliveLoad } from '../../kit/keep-alive-load.js';
import { otherNode } from '../../kit/other-node.js';
import { ownProgram, programFile } from '../../kit/own-program.js';
import { NOTHING_LOST } from '../../kit/tally.js';
import { until } from '../../kit/until.js';
import { WireClient } from '../../kit/wire-client.js';

void describe('an upgrade', () => {
  void it('runs what is on disk now, and loses nothing', async (t) => {
    const rig = await LastingRig.start(t, { program: ownProgram });
    const before = await rig.until('the site serves', serves);
    const port = portOf(before);
    const kept = new KeepAliveLoad({ port, host: HOST, clientCount: 6, seed: 3 });
    const fresh = new ConnectLoad(port, HOST);
    const half = await WireClient.open(port);
    half.send(`GET /half?answer=5 HTTP/1.1\r\nHo`);
    await Promise.all([kept, fresh].map((load) => load.progress(100)));
    appendFileSync(programFile(rig.dir, 'daemon.js'), "\nconsole.log('the next version');\n");

    const upgrading = rig.command('upgrade');
    await until('the new master loads the sites', () => {
      const value = rig.output;
      return { done: /loads the sites/.test(value), value };
    });
    // Longer than the rest takes, so that its worker must stay for it; on a slow machine the test is only weaker.
    const slow = await WireClient.open(port);
    slow.send(`GET /slow?slow=4000&answer=5 HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`);
    const upgraded = await upgrading;
    assert.equal(upgraded.code, 0, upgraded.stderr);
    const after = await rig.until('the site serves', serves);
    assert.match(upgraded.stdout, new RegExp(`\nvhostd upgraded: process ${after.daemon.pid}, .*\n$`));
    assert.match(rig.output, /the next version/);
    assert.equal(rig.pidInFile(), after.daemon.pid);
    assert.notEqual(after.daemon.pid, before.daemon.pid);
    assert.notEqual(after.master?.pid, before.master?.pid);
    assert.equal(portOf(after), port);
    half.send(`st: ${HOST}\r\n\r\n`);
    assert.equal((await half.answer()).status, 200);
    const answer = await slow.answer();
    assert.equal(answer.status, 200);
    assert.ok(workerPids(before).includes(Number(answer.headers[SEEN.pid])));
    await until('new workers have answered', () => {
      const value = [...fresh.tally.pids];
      return { done: value.some((pid) => workerPids(after).includes(pid)), value };
    });
    await Promise.all([kept, fresh].map((load) => load.progress(100)));
    for (const tally of [await kept.stop(), await fresh.stop()]) {
      t.diagnostic(`${JSON.stringify(tally.counts)}, ${tally.connectCount} connections`);
      assert.deepEqual(tally.lost, NOTHING_LOST, tally.failures.join('\n'));
    }
    t.diagnostic(`the slowest answer to a new connection took ${Math.round(fresh.slowestMs)} ms`);
    half.close();
    slow.close();

    // The old half leaves; the new one is a daemon in every respect.
    assert.equal(await rig.first.ended, 0);
    const left = rig.processes();
    for (const pid of [before.daemon.pid, before.master?.pid ?? 0, ...workerPids(before)]) {
      assert.ok(!left.includes(pid), String(pid));
    }
    process.kill(after.daemon.pid, 'SIGKILL');
    const next = await rig.until('another daemon answers', (now) => now.daemon.pid !== after.daemon.pid);
    assert.equal(next.master?.pid, after.master?.pid);
    await rig.client.stop();
    await rig.gone();
  });

  void it('goes to another Node and back', async (t) => {
    const rig = await LastingRig.start(t);
    const { binary, version } = otherNode(t);
    const first = await rig.until('the site serves', serves);
    const kept = new KeepAliveLoad({ port: portOf(first), host: HOST, clientCount: 4, seed: 4 });
    const fresh = new ConnectLoad(portOf(first), HOST);
    await Promise.all([kept, fresh].map((load) => load.progress(50)));
    for (const [node, expected] of [
      [binary, version],
      [process.execPath, process.version],
    ] as const) {
      const result = await rig.client.upgrade({ node });
      assert.equal(result.node, expected);
      const status = await rig.until('the site serves', serves);
      assert.deepEqual([status.daemon.pid, status.daemon.node], [result.pid, expected]);
      await Promise.all([kept, fresh].map((load) => load.progress(50)));
    }
    for (const tally of [await kept.stop(), await fresh.stop()]) {
      t.diagnostic(`${JSON.stringify(tally.counts)}, ${tally.connectCount} connections`);
      assert.deepEqual(tally.lost, NOTHING_LOST, tally.failures.join('\n'));
    }
    assert.equal(await rig.first.ended, 0);
    await rig.client.stop();
    await rig.gone();
  });

  void it('follows SIGUSR2, one at a time', async (t) => {
    const rig = await LastingRig.start(t, { cpuLen: 1 });
    const { daemon } = await rig.until('the site serves', serves);
    process.kill(daemon.pid, 'SIGUSR2');
    await until('the upgrade is under way', () => ({
      done: /"event":"upgrade"/.test(rig.output),
      value: rig.output,
    }));
    await assert.rejects(rig.client.upgrade(), { code: 'ERR_UPGRADE_RUNNING' });
    const status = await rig.until('another daemon answers', (now) => now.daemon.pid !== daemon.pid);
    assert.equal(serves(status), true);
    assert.equal(await rig.first.ended, 0);
    await rig.client.stop();
    await rig.gone();
  });

  void it('ends when the daemon is stopped meanwhile', async (t) => {
    const rig = await LastingRig.start(t, { cpuLen: 1 });
    await rig.until('the site serves', serves);
    let begun: () => void = () => undefined;
    const underWay = new Promise<void>((resolve) => {
      begun = resolve;
    });
    const upgrading = rig.client.upgrade({ onProgress: () => begun() });
    const refused = assert.rejects(upgrading, { code: /ERR_UPGRADE_FAILED|ERR_CONTROL_LOST/ });
    await underWay;
    await rig.client.stop();
    await refused;
    assert.equal(await rig.first.ended, 0);
    await rig.gone();
  });
});
