// What an app has started ends with it, however it ends.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { get } from '../../kit/ask-site.js';
import { isAlive } from '../../kit/processes.js';
import { startVhostd } from '../../kit/start-vhostd.js';
import type { LoneMaster } from '../../kit/start-vhostd.js';
import { until } from '../../kit/until.js';
import { HOST, startApp, writeApp } from './app.js';

/** Answers the pid of a child that it has started. */
const APP = `const { pid } = require('node:child_process').spawn('sleep', ['1000'], { stdio: 'inherit' });
require('node:http').createServer((q, r) => r.end(String(pid))).listen(1);`;

async function childOf(port: number): Promise<number> {
  const pid = Number((await get(port, HOST)).body.toString());
  assert.equal(isAlive(pid), true);
  return pid;
}

async function gone(pid: number): Promise<void> {
  await until('the child has ended', () => ({ done: !isAlive(pid), value: pid }));
}

async function workerPid(vhostd: LoneMaster): Promise<number> {
  return (await vhostd.workers('a'))[0]?.pid ?? 0;
}

void describe('a child of a worker', { concurrency: 2 }, () => {
  void it('ends with it in a reload', async (t) => {
    const vhostd = await startApp(t, APP);
    const child = await childOf(await vhostd.port());
    await vhostd.reloaded('a');
    await gone(child);
  });

  void it('ends with it where it is killed, and where it only heeds SIGKILL', async (t) => {
    const deaf = APP.replace("'sleep', ['1000']", `'sh', ['-c', 'trap "" TERM; while :; do sleep 1; done']`);
    const vhostd = await startApp(t, deaf);
    const child = await childOf(await vhostd.port());
    process.kill(await workerPid(vhostd), 'SIGKILL');
    await gone(child);
  });

  void it('ends with it in a stop', async (t) => {
    const sites = [{ siteId: 'a', workerFile: writeApp(t, APP) }];
    const vhostd = await startVhostd(t, { daemon: true, sites });
    const child = await childOf(await vhostd.port());
    await vhostd.stop();
    await gone(child);
  });

  void it('ends with it where its master has died before', async (t) => {
    const sites = [{ siteId: 'a', workerFile: writeApp(t, APP) }];
    const vhostd = await startVhostd(t, { daemon: true, sites });
    const child = await childOf(await vhostd.port());
    const { master } = await vhostd.status();
    process.kill(master?.pid ?? 0, 'SIGKILL');
    await gone(child);
  });
});
