// Reloads that are asked for while something is at work already: one follows, and never do two run at once.
import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { startVhostd } from '../../kit/start-vhostd.js';
import { until } from '../../kit/until.js';
import { askRelease, writeRelease } from './release.js';
import { startSite } from './site-under-reload.js';

const SITE = { siteId: 'a', workerFile: 'server.cjs' };

void describe('reloads that overlap', { concurrency: 2 }, () => {
  void it('ten at once are two, one behind the other', async (t) => {
    const vhostd = await startSite(t, { cpuLen: 1, settleTime: '1s' });
    let over = false;
    let newMaxCount = 0;
    const watching = until('all are done', async () => {
      const { workers, generation } = await vhostd.site('a');
      const coming = workers.filter(
        (worker) => worker.generation > generation && worker.state !== 'draining',
      );
      newMaxCount = Math.max(newMaxCount, new Set(coming.map((worker) => worker.generation)).size);
      return { done: over, value: newMaxCount };
    });
    const asked = await Promise.all(Array.from({ length: 10 }, () => vhostd.reload('a')));
    over = true;
    await watching;
    await vhostd.drained();
    const outcomes = asked.flatMap(({ sites }) => sites);
    assert.deepEqual(
      outcomes.filter(({ ok }) => !ok),
      [],
    );
    assert.deepEqual(
      [...new Set(outcomes.map(({ generation }) => generation))].toSorted((a, b) => a - b),
      [2, 3],
    );
    assert.equal(newMaxCount, 1, 'two new generations at once');
    const { generation, workers } = await vhostd.site('a');
    assert.deepEqual([generation, workers.map(({ workerId }) => workerId)], [3, ['a/3']]);
  });

  void it('one that is asked for during the first boot follows it, with what is on disk by then', async (t) => {
    const site = { ...SITE, workerFile: 'slow.cjs', workerOptions: { env: { SITE_CONF: 'old' } } };
    const vhostd = await startVhostd(t, {
      daemon: true,
      wait: false,
      sites: [site],
      prepare: (dir) => {
        writeRelease(dir, 'old');
        writeFileSync(join(dir, 'slow.cjs'), SLOW);
      },
    });
    await until('the first worker has read its code', () => {
      const done = existsSync(join(vhostd.dir, 'booting'));
      return { done, value: vhostd.output };
    });
    writeRelease(vhostd.dir, 'new');
    vhostd.configure([{ ...site, workerOptions: { env: { SITE_CONF: 'new' } } }]);
    const asking = Promise.all(Array.from({ length: 5 }, () => vhostd.reload('a')));
    // Time for all of them to reach the master; what comes behind the boot may be one reload more.
    await delay(300);
    vhostd.touch('go');
    const outcomes = (await asking).flatMap(({ sites }) => sites);
    for (const { ok, generation } of outcomes)
      assert.ok(ok && [2, 3].includes(generation), JSON.stringify(outcomes));
    const { version, libVersion, env } = await askRelease(await vhostd.port(), 'a.test');
    assert.deepEqual([version, libVersion, env['SITE_CONF']], ['new', 'new', 'new']);
  });

  void it('one that is asked for while the first boot fails again and again brings the site up', async (t) => {
    const vhostd = await startVhostd(t, {
      daemon: true,
      wait: false,
      sites: [SITE],
      prepare: (dir) => {
        writeFileSync(join(dir, 'server.cjs'), `throw new Error('not yet');`);
      },
    });
    await vhostd.says('site a: not yet (ERR_WORKER_FAILED)');
    writeRelease(vhostd.dir, 'good');
    const [outcome] = (await vhostd.reload('a')).sites;
    assert.equal(outcome?.ok, true, JSON.stringify(outcome));
    await vhostd.says('vhostd ready\n');
    assert.equal((await askRelease(await vhostd.port(), 'a.test')).version, 'good');
  });
});

/** The site's code, which says that it has been read, and comes up when it is told to. */
const SLOW = `require('./server.cjs');
require('node:fs').writeFileSync('booting', '');
const worker = require(${JSON.stringify(fileURLToPath(import.meta.resolve('@vhostd/worker')))});
worker.lifecycle({ started: () => new Promise((resolve) => {
  const timer = setInterval(() => {
    if (!require('node:fs').existsSync('go')) return;
    clearInterval(timer);
    resolve();
  }, 20);
}) });
`;
