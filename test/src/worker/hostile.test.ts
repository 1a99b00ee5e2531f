// A worker is never trusted: whatever it writes, the master stays up, the offender is replaced, others notice nothing.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { askSite, get } from '../kit/ask-site.js';
import { residentBytes } from '../kit/processes.js';
import { Rig, siteFile } from '../kit/rig.js';

const setup = new URL('./hostile.commands.js', import.meta.url);
const BAD = {
  siteId: 'bad',
  hosts: ['bad.test'],
  workerFile: fileURLToPath(new URL('./hostile.site.js', import.meta.url)),
  cpuLen: 1,
  allow: { hosts: ['bad.test', 'good.test'], cpuLen: 2 },
  restart: { intensity: 100, backoffMin: '10ms', backoffMax: '50ms' },
};
const GOOD = { siteId: 'good', hosts: ['good.test'], workerFile: siteFile('echo'), cpuLen: 1 };

const BREACHES = [
  'garbage on the channel of Node',
  'a forged query of node:cluster',
  'a forged query, doubled',
  'a line of 100 MB',
  'garbage on the link',
  'a frame that announces 100 MB',
  'a frame of a kind that only the master sends',
  'a confirmation of what it was not given',
  'a message that is not JSON',
];

test('a worker that breaks the protocol is replaced, and another site never notices', async (t) => {
  const rig = await start(t);
  const port = await rig.port();
  const good = watchGoodSite(port);
  const [goodWorker] = await rig.workers('good');
  for (const [index, breach] of BREACHES.entries()) {
    const [before] = await rig.workers('bad');
    assert.ok(before, `a worker before ${breach}`);
    const listening = (await rig.status()).listeners.length;
    // Its answer may come before its end, or not.
    await get(port, 'bad.test', `/${encodeURIComponent(breach)}`).catch(() => undefined);
    await rig.until(`another worker after ${breach}`, ({ sites }) => {
      const [worker] = sites.find(({ siteId }) => siteId === 'bad')?.workers ?? [];
      return worker?.state === 'ready' && worker.pid !== before.pid;
    });
    const status = await rig.status();
    assert.equal(status.counts.violations, index + 1, `counted: ${breach}`);
    assert.equal(status.listeners.length, listening, 'a worker opens no port');
    assert.match((await rig.site('bad')).workers[0]?.reason ?? '', /broke the protocol/);
  }
  assert.equal((await rig.workers('good'))[0]?.pid, goodWorker?.pid);
  const served = await good.stop();
  t.diagnostic(`${BREACHES.length} breaches; ${served} requests of the other site, 0 failed`);
  assert.ok(rig.alive);
});

test('what is merely wrong is answered with an error and costs nobody anything', async (t) => {
  const rig = await start(t);
  const port = await rig.port();
  const [before] = await rig.workers('bad');
  const ask = async (attack: string): Promise<unknown> => {
    const answer = await get(port, 'bad.test', `/${encodeURIComponent(attack)}`);
    return (JSON.parse(answer.body.toString()) as { result: unknown }).result;
  };
  assert.equal(await ask('a conf with a prototype'), 'no');
  assert.equal(await ask('a message that is not for the master'), true);
  assert.equal(await ask('a claim to the host of another site'), 'ERR_ROUTE_CONFLICT');
  assert.equal(await ask('a claim to every host'), 'ERR_ALLOW_HOST');
  assert.equal(await ask('a thousand workers'), 'ERR_ALLOW_CPU_LEN');
  const codes = (await ask('five thousand calls')) as string[];
  assert.deepEqual(codes, ['ERR_CALL_TIMEOUT', 'ERR_CALL_TOO_MANY']);
  assert.equal((await askSite(port, 'good.test')).siteId, 'good');
  assert.equal((await rig.workers('bad'))[0]?.pid, before?.pid, 'it is the same worker');
  assert.equal((await rig.status()).counts.violations, 0);
});

test('a stopped worker costs the master a bounded queue, and what it held is served when it goes on', async (t) => {
  const rig = await start(t);
  const port = await rig.port();
  const [stopped] = await rig.workers('bad');
  assert.ok(stopped);
  const before = residentBytes(rig.pid);
  process.kill(stopped.pid, 'SIGSTOP');
  const answers = Array.from({ length: 500 }, () => get(port, 'bad.test', '/nothing'));
  await rig.until('they are handed over', ({ sites }) => {
    return sites.find(({ siteId }) => siteId === 'bad')?.workers[0]?.connections === 500;
  });
  assert.equal((await askSite(port, 'good.test')).siteId, 'good');
  const grownBytes = residentBytes(rig.pid) - before;
  process.kill(stopped.pid, 'SIGCONT');
  const statuses = (await Promise.all(answers)).map(({ status }) => status);
  t.diagnostic(`500 connections for a stopped worker: master grew by ${Math.round(grownBytes / 1024)} KiB`);
  assert.deepEqual(new Set(statuses), new Set([200]));
  assert.ok(grownBytes < 64 << 20, `${grownBytes} bytes`);
});

async function start(t: TestContext): Promise<Rig> {
  return await Rig.start(t, { setup, sites: [BAD, GOOD] });
}

/** Asks the good site without a pause; `stop` tells how often, and throws if one request failed. */
function watchGoodSite(port: number): { stop(): Promise<number> } {
  let go = true;
  let count = 0;
  const asking = (async () => {
    while (go) {
      assert.equal((await askSite(port, 'good.test')).siteId, 'good');
      count += 1;
    }
  })();
  // Whoever stops it hears of a failure.
  asking.catch(() => undefined);
  return {
    async stop() {
      go = false;
      await asking;
      return count;
    },
  };
}
