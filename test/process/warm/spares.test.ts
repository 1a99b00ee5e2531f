// Processes that have booted ahead of need: the next worker of their site is one of them, in all that its app can see a
// worker as any other.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { getPriority } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { get } from '../../kit/ask-site.js';
import { OTHER_USER, otherUserSkip, placesOf } from '../../kit/other-user.js';
import { commandOf, isAlive } from '../../kit/processes.js';
import { startVhostd, workerPids } from '../../kit/start-vhostd.js';
import type { FullVhostd, LoneMaster, SiteOptions } from '../../kit/start-vhostd.js';
import { until } from '../../kit/until.js';

/** What the app tells of its process. */
interface Seen {
  pid: number;
  slot: string;
  own: string;
  value: string | null;
  version: string;
  isMain: boolean;
  argv: string[];
  execArgv: string[];
  uid: number;
}

const TELL = `JSON.stringify({
  pid: process.pid, slot: process.env.VHOSTD_SLOT, own: process.env.OWN_SLOT, value: process.env.VALUE ?? null, version: VERSION,
  isMain: IS_MAIN, argv: process.argv.slice(1), execArgv: process.execArgv, uid: process.getuid() })`;

function commonJs(version: string): string {
  return `const IS_MAIN = require.main === module; const VERSION = '${version}';
    require('node:http').createServer((_request, response) => response.end(${TELL})).listen(8080);`;
}

function module(version: string): string {
  return `import { createServer } from 'node:http'; import { fileURLToPath } from 'node:url';
    const IS_MAIN = process.argv[1] === fileURLToPath(import.meta.url); const VERSION = '${version}';
    createServer((_request, response) => response.end(${TELL})).listen(8080);`;
}

/** An app that tells what lies in the directory in which it runs, made with what its name says. */
function release(dir: string, name: string): string {
  const text = `require('node:http').createServer((_request, response) => response.end(JSON.stringify({
    pid: process.pid, value: require('node:fs').readFileSync('data.txt', 'utf8') }))).listen(8080);`;
  const at = join(dir, name);
  mkdirSync(at);
  writeFileSync(join(at, 'app.cjs'), text);
  writeFileSync(join(at, 'data.txt'), name);
  return at;
}

/** A site whose every worker that ends is started again soon. */
function warmSite(options: Partial<SiteOptions> = {}): SiteOptions {
  const restart = { intensity: 1000, backoffMin: '10ms', backoffMax: '10ms' };
  return { siteId: 'a', workerFile: 'app.cjs', warm: 1, instanceVar: 'OWN_SLOT', restart, ...options };
}

function prepare(dir: string): void {
  writeFileSync(join(dir, 'app.cjs'), commonJs('1'));
  writeFileSync(join(dir, 'app.mjs'), module('1'));
}

async function seen(vhostd: LoneMaster | FullVhostd): Promise<Seen> {
  const { body } = await get(await vhostd.port(), 'a.test');
  return JSON.parse(body.toString()) as Seen;
}

/** Waits until a site has so many spares, and returns their pids. */
async function spares(vhostd: LoneMaster | FullVhostd, count = 1, app = 'app.'): Promise<number[]> {
  return await until(`${count} spares`, async () => {
    const status = await vhostd.status();
    const workers = new Set(workerPids(status));
    const value = vhostd
      .processes()
      .filter((pid) => !workers.has(pid) && commandOf(pid).includes(`/${app}`) && isAlive(pid));
    const [site] = status.sites;
    return { done: site?.spares === count && value.length === count, value };
  });
}

/** A link of that type has no bytes of its own, for which a process could wait. */
const skip = process.env['VHOSTD_TEST_HANDOFF'] === 'ipc';

void describe('a site with spares', { concurrency: 2, skip }, () => {
  for (const workerFile of ['app.cjs', 'app.mjs']) {
    void it(`has one of them in the place of a worker that was killed, with the code that is there then: ${workerFile}`, async (t) => {
      const vhostd = await startVhostd(t, {
        prepare,
        sites: [
          warmSite({ workerFile, workerArgs: ['one'], workerOptions: { execArgv: ['--no-warnings'] } }),
        ],
      });
      const before = await seen(vhostd);
      const [spare] = await spares(vhostd);
      writeFileSync(join(vhostd.dir, workerFile), (workerFile === 'app.cjs' ? commonJs : module)('2'));
      process.kill(before.pid, 'SIGKILL');
      await until('the spare serves', async () => {
        const value = await seen(vhostd);
        return { done: value.pid === spare, value };
      });
      const after = await seen(vhostd);
      assert.deepEqual(after, { ...before, pid: spare, version: '2' });
      assert.deepEqual([after.isMain, after.slot, after.own, after.argv.at(-1)], [true, '0', '0', 'one']);
      const [next] = await spares(vhostd);
      assert.notEqual(next, spare, 'another one waits');
      const [worker] = await vhostd.workers('a');
      assert.equal(worker?.pid, spare);
    });
  }

  void it('that sleeps is woken by one of them, which has what its variables say by then', async (t) => {
    const vhostd = await startVhostd(t, {
      prepare,
      sites: [warmSite({ cpuLen: 0, workerOptions: { env: { VALUE: 'first' } } })],
    });
    const [spare] = await spares(vhostd);
    assert.deepEqual(workerPids(await vhostd.status()), [], 'it sleeps');
    const woken = await seen(vhostd);
    assert.deepEqual([woken.pid, woken.value], [spare, 'first']);
  });

  void it('that is asleep has others behind a reload which changes its variables', async (t) => {
    const site = warmSite({ cpuLen: 0, workerOptions: { env: { VALUE: 'first' } } });
    const vhostd = await startVhostd(t, { daemon: true, prepare, sites: [site] });
    const old = await spares(vhostd);
    vhostd.change('a', { workerOptions: { env: { VALUE: 'second' } } });
    await vhostd.reload();
    await vhostd.gone(old);
    const [spare] = await spares(vhostd);
    const woken = await seen(vhostd);
    assert.deepEqual([woken.pid, woken.value], [spare, 'second']);
  });

  void it('uses none that was started with other variables for a reload, and others for what follows', async (t) => {
    const envFile = 'app.env';
    const vhostd = await startVhostd(t, {
      daemon: true,
      prepare: (dir) => {
        prepare(dir);
        writeFileSync(join(dir, envFile), 'VALUE=first\n');
      },
      sites: [warmSite({ envFile })],
    });
    const old = await spares(vhostd);
    assert.equal((await seen(vhostd)).value, 'first');
    writeFileSync(join(vhostd.dir, envFile), 'VALUE=second\n');
    await vhostd.reloaded();
    await vhostd.gone(old);
    assert.equal((await seen(vhostd)).value, 'second');
    const [spare] = await spares(vhostd);
    // Nothing but the code is another: it is one of the new ones.
    await vhostd.reloaded();
    const last = await seen(vhostd);
    assert.deepEqual([last.pid, last.value], [spare, 'second']);
  });

  for (const isReloaded of [true, false]) {
    const when = isReloaded ? 'for a reload' : 'in the place of a worker that was killed';
    void it(`uses none that was started in a directory that another one has replaced, ${when}`, async (t) => {
      const vhostd = await startVhostd(t, {
        daemon: true,
        prepare: (dir) => void release(dir, 'app'),
        sites: [warmSite({ path: 'app' })],
      });
      const old = await spares(vhostd);
      const before = await seen(vhostd);
      assert.equal(before.value, 'app');
      const [here, past] = [join(vhostd.dir, 'app'), join(vhostd.dir, 'app.old')];
      const next = release(vhostd.dir, 'next');
      renameSync(here, past);
      renameSync(next, here);
      rmSync(past, { recursive: true });
      if (isReloaded) await vhostd.reloaded();
      else process.kill(before.pid, 'SIGKILL');
      await vhostd.gone([...old, before.pid]);
      const after = await seen(vhostd);
      assert.deepEqual([after.value, old.includes(after.pid)], ['next', false]);
      // The next ones are of the directory that is there now.
      const [spare] = await spares(vhostd);
      await vhostd.reloaded();
      assert.deepEqual(await seen(vhostd), { pid: spare, value: 'next' });
    });
  }

  void it('uses none that may read what a link in its permissions led to when it was started', async (t) => {
    const link = (dir: string, name: string): void => {
      rmSync(join(dir, 'shared.cjs'), { force: true });
      symlinkSync(join(dir, name), join(dir, 'shared.cjs'));
    };
    const vhostd = await startVhostd(t, {
      prepare: (dir) => {
        for (const name of ['one', 'two'])
          writeFileSync(join(dir, `${name}.cjs`), `module.exports = '${name}';`);
        link(dir, 'one.cjs');
        const app = `process.env.VALUE = require('../shared.cjs'); ${commonJs('1')}`;
        writeFileSync(join(release(dir, 'site'), 'app.cjs'), app);
      },
      sites: [
        warmSite({
          path: 'site',
          cpuLen: 0,
          permissions: { read: ['../shared.cjs'] },
          restart: { intensity: 0 },
        }),
      ],
    });
    const [spare] = await spares(vhostd);
    link(vhostd.dir, 'two.cjs');
    const woken = await seen(vhostd);
    assert.deepEqual([woken.value, woken.pid === spare], ['two', false]);
  });

  const startFile = 'start.env';
  const needs: [how: string, site: Partial<SiteOptions>][] = [
    ['execArgv', { workerOptions: { execArgv: [`--env-file=${startFile}`] } }],
    ['a script', { workerFile: 'npm', workerArgs: ['start'] }],
    ['NODE_OPTIONS', { workerOptions: { env: { NODE_OPTIONS: '--require ./start.cjs' } } }],
    ['envFile', { envFile: 'site.env' }],
  ];
  for (const [how, site] of needs) {
    void it(`has none where ${how} has Node load a file at its start, and what that says then`, async (t) => {
      const vhostd = await startVhostd(t, {
        daemon: true,
        prepare: (dir) => {
          prepare(dir);
          const start = `node --env-file=${startFile} app.cjs`;
          writeFileSync(join(dir, 'package.json'), JSON.stringify({ scripts: { start } }));
          writeFileSync(join(dir, 'site.env'), 'NODE_OPTIONS="--import ./start.cjs"');
          writeFileSync(join(dir, startFile), 'VALUE=first\n');
          writeFileSync(join(dir, 'start.cjs'), `process.env.VALUE = 'first';`);
        },
        sites: [warmSite({ ...site }), warmSite({ siteId: 'b', warm: 2 })],
      });
      const status = await vhostd.until('the other site has spares', ({ sites }) =>
        sites.some(({ siteId, spares: count }) => siteId === 'b' && count === 2),
      );
      assert.equal(status.sites.find(({ siteId }) => siteId === 'a')?.spares, 0);
      assert.equal((await seen(vhostd)).value, 'first');
      writeFileSync(join(vhostd.dir, startFile), 'VALUE=second\n');
      writeFileSync(join(vhostd.dir, 'start.cjs'), `process.env.VALUE = 'second';`);
      await vhostd.reloaded();
      assert.equal((await seen(vhostd)).value, 'second');
    });
  }

  void it('has them in new slots when it is scaled up, and as many again', async (t) => {
    const vhostd = await startVhostd(t, { daemon: true, prepare, sites: [warmSite({ warm: 2 })] });
    const waiting = await spares(vhostd, 2);
    await vhostd.run('scale', 'a', '3');
    await vhostd.ready('a', 3);
    const pids = (await vhostd.workers('a')).map(({ pid }) => pid);
    for (const pid of waiting) assert.ok(pids.includes(pid), `${pid} is a worker`);
    const slots = new Set<string>();
    await until('each of the three answers', async () => {
      const { slot, own } = await seen(vhostd);
      assert.equal(slot, own);
      slots.add(slot);
      return { done: slots.size === 3, value: [...slots] };
    });
    const next = await spares(vhostd, 2);
    assert.deepEqual(
      next.filter((pid) => waiting.includes(pid)),
      [],
    );
  });

  void it('has another one in the place of one that was killed, which is told', async (t) => {
    const vhostd = await startVhostd(t, { prepare, sites: [warmSite()] });
    const [spare = 0] = await spares(vhostd);
    process.kill(spare, 'SIGTERM');
    const [line] = await vhostd.logs('worker.spare-failed');
    assert.deepEqual(
      [line?.['siteId'], line?.['workerPid'], line?.['reason']],
      ['a', spare, 'was ended by SIGTERM'],
    );
    const [next] = await spares(vhostd);
    assert.notEqual(next, spare);
  });

  void it('serves who waits when one is killed just as it is taken, with a process that is started then', async (t) => {
    const restart = { intensity: 0 };
    const vhostd = await startVhostd(t, { prepare, sites: [warmSite({ cpuLen: 0, restart })] });
    const [spare = 0] = await spares(vhostd);
    // So that it does nothing any more, whenever it is killed.
    process.kill(spare, 'SIGSTOP');
    const answer = seen(vhostd);
    await vhostd.until('it is taken', (status) => workerPids(status).includes(spare));
    process.kill(spare, 'SIGKILL');
    const { pid, version } = await answer;
    assert.equal(version, '1');
    assert.notEqual(pid, spare);
    const [worker] = await vhostd.workers('a');
    assert.deepEqual([worker?.pid, worker?.restarts], [pid, 0]);
  });

  void it('leaves none behind when it is stopped', async (t) => {
    const vhostd = await startVhostd(t, { daemon: true, prepare, sites: [warmSite({ warm: 2 })] });
    const waiting = await spares(vhostd, 2);
    await vhostd.run('stop', 'a');
    await vhostd.gone(waiting);
    await vhostd.run('start', 'a');
    await spares(vhostd, 2);
  });

  void it('leaves none behind an upgrade, and has others', async (t) => {
    const vhostd = await startVhostd(t, { daemon: true, prepare, sites: [warmSite({ cpuLen: 0 })] });
    const old = await spares(vhostd);
    await vhostd.client.upgrade();
    await vhostd.gone(old);
    const [spare] = await spares(vhostd);
    assert.equal((await seen(vhostd)).pid, spare);
    await vhostd.stop();
  });

  void it('leaves none behind a master that was killed', async (t) => {
    const vhostd = await startVhostd(t, { daemon: true, prepare, sites: [warmSite()] });
    const old = await spares(vhostd);
    process.kill((await vhostd.status()).master?.pid ?? 0, 'SIGKILL');
    await vhostd.gone(old);
    await spares(vhostd);
  });

  void it('has them with its permissions and limits', async (t) => {
    const vhostd = await startVhostd(t, {
      prepare,
      sites: [
        warmSite({
          cpuLen: 0,
          workerFile: 'app.mjs',
          permissions: {},
          workerOptions: { nice: 3, nofile: 999 },
        }),
      ],
    });
    const [spare = 0] = await spares(vhostd);
    assert.match(readFileSync(`/proc/${spare}/limits`, 'latin1'), /^Max open files +999 /m);
    const woken = await seen(vhostd);
    assert.equal(woken.pid, spare);
    assert.equal(getPriority(spare), 3);
  });

  void it('has them with its user', { skip: otherUserSkip }, async (t) => {
    const { theirs } = placesOf(t);
    prepare(theirs);
    const vhostd = await startVhostd(t, {
      sites: [warmSite({ path: theirs, user: OTHER_USER, cpuLen: 0 })],
    });
    const [spare] = await spares(vhostd);
    const woken = await seen(vhostd);
    assert.deepEqual([woken.pid, woken.uid], [spare, OTHER_USER]);
  });
});
