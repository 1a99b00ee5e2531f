// Apps without a server: queue workers and bots, which are kept alive, and jobs.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import { isAlive } from '../../kit/processes.js';
import { startVhostd } from '../../kit/start-vhostd.js';
import type { LoneMaster, SiteOptions } from '../../kit/start-vhostd.js';
import { until } from '../../kit/until.js';
import { get } from '../../kit/ask-site.js';
import { startApp, writeApp } from './app.js';

const NO_SERVER = { server: false, listen: [] };
const JOB = { ...NO_SERVER, autorestart: false };

/** Writes a line into a file of the site's directory. */
const SAYS = `const say = (text) => require('node:fs').appendFileSync('told', text + '\\n');`;

function told(vhostd: LoneMaster): string[] {
  const file = join(vhostd.dir, 'told');
  return existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [];
}

/** {@link startApp} for one that need not be up. */
async function start(t: TestContext, source: string, options: Partial<SiteOptions>): Promise<LoneMaster> {
  const workerFile = writeApp(t, source);
  return await startVhostd(t, { sites: [{ siteId: 'a', workerFile, ...options }], wait: false });
}

void describe('an app without a server', { concurrency: 2 }, () => {
  void it('runs, and in a reload the next one is there before it is told to end', async (t) => {
    const vhostd = await startApp(
      t,
      `${SAYS}
      say('begin ' + process.pid);
      const work = setInterval(() => undefined, 10);
      process.on('SIGTERM', () => {
        say('told ' + process.pid);
        setTimeout(() => { say('end ' + process.pid); clearInterval(work); }, 300);
      });`,
      { ...NO_SERVER, stopTimeout: '10m' },
    );
    const [first] = await vhostd.workers('a');
    const old = first?.pid ?? 0;
    await vhostd.reloaded('a');
    const [second] = await vhostd.workers('a');
    await until('the old one has ended', () => ({ done: !isAlive(old), value: old }));
    assert.deepEqual(told(vhostd), [`begin ${old}`, `begin ${second?.pid}`, `told ${old}`, `end ${old}`]);
    assert.equal(vhostd.output.includes(`"level":40`), false, vhostd.output);
  });

  void it('that ends by itself each time is given up, with words for what it may be', async (t) => {
    const restart = { intensity: 1, backoffMin: '1ms', backoffMax: '1ms' };
    const vhostd = await start(t, `setTimeout(() => undefined, 1);`, { ...NO_SERVER, restart });
    await vhostd.until('it is given up', ({ sites: [a] }) => a?.state === 'errored');
    const { sites } = await vhostd.status();
    assert.match(sites[0]?.reason ?? '', /exited with code 0; .*"autorestart": false/);
  });

  void it('may be an ES module that waits for ever at its top level', async (t) => {
    const vhostd = await startApp(t, '', {
      ...NO_SERVER,
      workerFile: moduleOf(t, `setInterval(() => undefined, 1000); await new Promise(() => undefined);`),
      cpuLen: 2,
    });
    await vhostd.ready('a', 2);
  });

  void it('is ready when it says so, with waitReady', async (t) => {
    const vhostd = await start(
      t,
      `const fs = require('node:fs');
      const wait = setInterval(() => {
        if (!fs.existsSync('go')) return;
        clearInterval(wait);
        process.send('ready');
        setInterval(() => undefined, 1000);
      }, 10);`,
      { ...NO_SERVER, waitReady: true },
    );
    await vhostd.until('it boots', ({ sites: [a] }) => a?.workers[0]?.pid !== undefined);
    assert.equal((await vhostd.site('a')).state, 'booting');
    vhostd.touch('go');
    await vhostd.ready('a', 1);
  });

  void it('has hooks, calls and ports of its own as any other, and no worker.server', async (t) => {
    const vhostd = await startApp(
      t,
      `const worker = require(${JSON.stringify(WORKER)});
      ${SAYS}
      const server = require('node:http').createServer((q, r) => r.end('metrics'));
      try { worker.server = server; } catch (error) { say(error.code); }
      worker.lifecycle({ started: () => say('started'), stopped: () => say('stopped') });
      server.listen(0, '127.0.0.1', () => say('port ' + server.address().port));`,
      NO_SERVER,
    );
    const port = Number(/port (\d+)/.exec(told(vhostd).join())?.[1]);
    assert.equal((await get(port, 'a.test')).body.toString(), 'metrics');
    const [worker] = await vhostd.workers('a');
    assert.deepEqual(worker?.alsoListens, ['http on port 0 of 127.0.0.1']);
    assert.equal(vhostd.output.includes('appPort'), false, vhostd.output);
    process.kill(worker.pid, 'SIGTERM');
    await until('it is replaced', () => {
      const value = told(vhostd);
      return { done: value.includes('stopped'), value };
    });
    assert.deepEqual(
      new Set(told(vhostd).slice(0, 3)),
      new Set(['ERR_SITE_NO_SERVER', `port ${port}`, 'started']),
    );
  });

  void it('gets a hint from a site that was to have one, and never listened', async (t) => {
    const vhostd = await start(t, `setInterval(() => undefined, 1000);`, { bootTimeout: '500ms' });
    await vhostd.until('the site says why', ({ sites: [a] }) => /"server": false/.test(a?.reason ?? ''));
  });
});

void describe('a job', { concurrency: 2 }, () => {
  void it('that has nothing left to do is finished, and what it printed is in its log', async (t) => {
    const vhostd = await startApp(
      t,
      `for (let n = 0; n < 200; n += 1) console.log('x'.repeat(999)); setTimeout(() => console.log('done'), 100);`,
      {
        ...JOB,
        logAll: 'all.log',
      },
    );
    const { state, workers } = (
      await vhostd.until('it is finished', ({ sites: [a] }) => a?.state === 'finished')
    ).sites[0] as { state: string; workers: { state: string; restarts: number }[] };
    assert.deepEqual(
      [state, workers.map((worker) => [worker.state, worker.restarts])],
      ['finished', [['exited', 0]]],
    );
    await until('its log is whole', () => {
      const file = join(vhostd.dir, 'all.log');
      const value = existsSync(file) ? readFileSync(file, 'utf8').length : 0;
      return { done: value === 200_000 + 5, value };
    });
    assert.equal(vhostd.output.includes('"level":40'), false, vhostd.output);
  });

  void it('that fails is errored, with its last words', async (t) => {
    const vhostd = await start(t, `console.error('no such table'); process.exitCode = 4;`, JOB);
    const { sites } = await vhostd.until('it failed', ({ sites: [a] }) => a?.state === 'errored');
    assert.match(sites[0]?.reason ?? '', /exited with code 4; it printed: no such table/);
  });

  void it('is done before what depends on it is started', async (t) => {
    const job = writeApp(t, `setTimeout(() => require('node:fs').writeFileSync('migrated', ''), 300);`);
    const app = writeApp(
      t,
      `const there = require('node:fs').existsSync('migrated');
      require('node:http').createServer((q, r) => r.end(String(there))).listen(1);`,
    );
    const vhostd = await startVhostd(t, {
      sites: [
        { siteId: 'a', workerFile: app, dependencies: ['migrate'] },
        { siteId: 'migrate', workerFile: job, ...JOB },
      ],
    });
    assert.equal((await get(await vhostd.port(), 'a.test')).body.toString(), 'true');
    // Neither is it done again.
    await vhostd.reloaded();
    assert.equal((await vhostd.site('migrate')).workers[0]?.workerId, 'migrate/1');
  });

  void it('that is done is not done again by the master that follows one that died', async (t) => {
    const workerFile = writeApp(t, `require('node:fs').appendFileSync('told', 'ran\\n');`);
    const vhostd = await startVhostd(t, {
      daemon: true,
      sites: [{ siteId: 'a', workerFile, ...JOB }, { siteId: 'b' }],
      wait: false,
    });
    const done = await vhostd.until('it is done', ({ sites: [a] }) => a?.state === 'finished');
    const master = done.master?.pid ?? 0;
    await vhostd.until('the other one serves', ({ sites: [, b] }) => b?.state === 'running');
    process.kill(master, 'SIGKILL');
    await vhostd.until(
      'the next master serves',
      ({ master: next, sites: [a, b] }) =>
        next !== undefined && next.pid !== master && a?.state === 'finished' && b?.state === 'running',
    );
    assert.equal(readFileSync(join(vhostd.dir, 'told'), 'utf8'), 'ran\n');
    const { stdout } = await vhostd.run('status', 'a');
    assert.match(stdout, /^site\s+a, finished, generation 1$/m);
    assert.equal((await vhostd.run('restart', 'a')).code, 0);
    assert.equal(readFileSync(join(vhostd.dir, 'told'), 'utf8'), 'ran\nran\n');
  });
});

const WORKER = new URL(import.meta.resolve('@vhostd/worker')).pathname;

/** An ES module as an app. */
function moduleOf(t: TestContext, source: string): string {
  const file = writeApp(t, '').replace(/cjs$/, 'mjs');
  writeFileSync(file, source);
  return file;
}
