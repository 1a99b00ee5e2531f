// Sites that do something at certain times, here each second.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { Load } from '../../kit/load.js';
import { startVhostd } from '../../kit/start-vhostd.js';
import { until } from '../../kit/until.js';
import { writeApp } from './app.js';

const EACH_SECOND = '* * * * * *';
const JOB = { server: false, autorestart: false, listen: [], cron: EACH_SECOND };

void describe('at its times', { concurrency: 2 }, () => {
  void it('a job is run, one run after the other, and the status says when it is next', async (t) => {
    const workerFile = writeApp(
      t,
      `const { appendFileSync } = require('node:fs');
      appendFileSync('told', 'begin\\n');
      setTimeout(() => appendFileSync('told', 'end\\n'), 1300);`,
    );
    const vhostd = await startVhostd(t, {
      daemon: true,
      sites: [{ siteId: 'a', workerFile, ...JOB }, { siteId: 'b' }],
    });
    const told = await until('it has been run three times', () => {
      const file = join(vhostd.dir, 'told');
      const value = existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [];
      return { done: value.length >= 6, value };
    });
    assert.deepEqual(told.slice(0, 6), ['begin', 'end', 'begin', 'end', 'begin', 'end']);
    await vhostd.logs('site.cron', 3);
    const [skipped] = await vhostd.logs('site.cron.skipped');
    assert.equal(skipped?.['reason'], 'the last run is still at work');
    const { stdout } = await vhostd.run('status', 'a');
    assert.match(stdout, /^next run +\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000Z$/m);
    assert.match(stdout, /^ +cron\.pattern +\* \* \* \* \* \*$/m);
  });

  void it('a site that serves has its workers replaced, and its clients do not notice', async (t) => {
    const vhostd = await startVhostd(t, {
      sites: [{ siteId: 'a', cpuLen: 2, cron: EACH_SECOND }],
      conf: { log: { level: 'info' } },
    });
    const load = new Load({
      port: await vhostd.port(),
      host: 'a.test',
      connections: 'kept',
      clientCount: 4,
      pauseMaxMs: 20,
    });
    await vhostd.until('three more generations', ({ sites: [a] }) => (a?.generation ?? 0) >= 4);
    await load.progress(20);
    await load.stop();
    load.outcome.assertNothingLost('kept');
    assert.ok(Math.max(...load.outcome.generations) >= 4);
    assert.equal(vhostd.logged('site.cron')[0]?.['does'], 'reload');
  });
});
