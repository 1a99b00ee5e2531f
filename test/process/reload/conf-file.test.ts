// What a reload takes from the conf file: all of it or nothing; sites that are new, gone or put back.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { DaemonStatus } from '@vhostd/protocol';
import { get } from '../../kit/ask-site.js';
import { startVhostd } from '../../kit/start-vhostd.js';
import type { FullVhostd, SiteOptions } from '../../kit/start-vhostd.js';
import { askRelease, writeRelease } from './release.js';
import { HeldRequest } from '../../kit/held-request.js';
import { settled, siteFile } from '../../kit/start-vhostd.js';
import { WireClient } from '../../kit/wire-client.js';
import { fileURLToPath } from 'node:url';
import { until } from '../../kit/until.js';

function site(siteId: string, fields: Record<string, unknown> = {}): SiteOptions {
  return { siteId, workerFile: 'server.cjs', ...fields };
}

function exchange(siteId: string): SiteOptions {
  return site(siteId, { workerFile: siteFile('echo'), drainTimeout: '60s' });
}

/** Waits until the one request to site `b` has reached it. */
async function inWork(vhostd: FullVhostd): Promise<void> {
  await vhostd.until('the request is in work', ({ counts }) => counts?.handedOff === 1);
}

function idsOf({ sites }: DaemonStatus): string[] {
  return sites.map(({ siteId }) => siteId);
}

const release = (dir: string): void => writeRelease(dir, '1');

void describe('a reload and the conf file', { concurrency: 3 }, () => {
  void it('a conf that is wrong is refused whole, with all that is wrong, and nothing changes', async (t) => {
    const vhostd = await startVhostd(t, { daemon: true, sites: [site('a'), site('b')], prepare: release });
    const port = await vhostd.port();
    const before = await vhostd.client.status();
    const wrong: { conf: string; says: (RegExp | string)[] }[] = [
      { conf: '{ "sites": [', says: [/vhostd\.config\.json:1:13: /, '(ERR_CONF_SYNTAX)'] },
      {
        conf: JSON.stringify({
          sites: [site('c', { cpuLen: -1 }), { ...site('a'), path: '.', lisen: [], bootTimeout: '30' }],
        }),
        says: [
          `${vhostd.confFile}: `,
          `sites[0].cpuLen`,
          `sites[1].bootTimeout: "30" has no unit: write '30s' or '30ms'; expected a duration`,
          `sites[1].lisen: unknown key, did you mean 'listen'?`,
          '(ERR_CONF_INVALID)',
        ],
      },
      {
        conf: JSON.stringify({ sites: [{ ...site('a'), path: 'missing' }] }),
        says: [`sites[0].path: "${join(vhostd.dir, 'missing')}" does not exist`, '(ERR_CONF_PATH)'],
      },
    ];
    for (const { conf, says } of wrong) {
      writeFileSync(vhostd.confFile, conf);
      const told = await vhostd.run('reload');
      assert.deepEqual([told.code, told.stdout], [100, '']);
      for (const text of says) {
        const found = typeof text === 'string' ? told.stderr.includes(text) : text.test(told.stderr);
        assert.ok(found, `${String(text)} is not in:\n${told.stderr}`);
      }
    }
    const after = await vhostd.client.status();
    assert.deepEqual(settled(after.sites), settled(before.sites));
    for (const { siteId } of before.sites)
      assert.equal((await askRelease(port, `${siteId}.test`)).generation, 1);
    vhostd.configure([site('a'), site('b')]);
    const told = await vhostd.run('reload');
    assert.deepEqual(
      [told.code, told.stdout.split('\n').toSorted()],
      [0, ['', 'a: generation 2', 'b: generation 2']],
    );
  });

  void it('sites that are new start, those that are gone finish and stop', async (t) => {
    const vhostd = await startVhostd(t, {
      daemon: true,
      sites: [site('a'), exchange('b')],
      prepare: release,
    });
    const port = await vhostd.port();
    const request = await HeldRequest.begin(port, 'b.test');
    await inWork(vhostd);
    vhostd.configure([site('c'), site('a')]);
    const told = await vhostd.run('reload');
    assert.deepEqual(
      [told.code, told.stdout.split('\n').toSorted()],
      [0, ['', 'a: generation 2', 'b: removed', 'c: added, generation 1']],
    );
    assert.deepEqual(idsOf(await vhostd.client.status()), ['c', 'a', 'b']);
    assert.equal((await askRelease(port, 'c.test')).generation, 1);
    assert.equal((await get(port, 'b.test')).status, 421);
    const { siteId, closes } = await request.finish();
    assert.deepEqual([siteId, closes], ['b', true]);
    await vhostd.until('the site has gone', ({ sites }) => sites.every((other) => other.siteId !== 'b'));
  });

  void it('a site that was taken out may be put back while its old workers drain', async (t) => {
    const vhostd = await startVhostd(t, {
      daemon: true,
      sites: [site('a'), exchange('b')],
      prepare: release,
    });
    const port = await vhostd.port();
    const request = await HeldRequest.begin(port, 'b.test');
    await inWork(vhostd);
    const pid = (await vhostd.site('b')).workers[0]?.pid;
    vhostd.configure([site('a')]);
    assert.equal((await vhostd.run('reload')).code, 0);
    vhostd.configure([site('a'), exchange('b')]);
    const told = await vhostd.run('reload');
    assert.deepEqual(
      [told.code, told.stdout.split('\n').toSorted()],
      [0, ['', 'a: generation 3', 'b: added, generation 1']],
    );
    const served = async (): Promise<string | undefined> => (await get(port, 'b.test')).headers['x-pid'];
    const now = await served();
    assert.notEqual(now, String(pid));
    assert.equal((await request.finish()).pid, pid);
    await vhostd.until('the old site has gone', ({ sites }) => sites.length === 2);
    assert.equal(await served(), now);
  });

  void it('one site alone takes its part of the conf, and a new one starts', async (t) => {
    const vhostd = await startVhostd(t, { daemon: true, sites: [site('a'), site('b')], prepare: release });
    const port = await vhostd.port();
    const env = { SITE_CONF: 'new' };
    vhostd.configure([
      site('a', { workerOptions: { env } }),
      site('c'),
      site('b', { workerOptions: { env } }),
    ]);
    assert.deepEqual(await vhostd.run('reload', 'a'), { code: 0, stdout: 'a: generation 2\n', stderr: '' });
    assert.deepEqual((await askRelease(port, 'a.test')).env, env);
    assert.deepEqual((await askRelease(port, 'b.test')).env, {});
    assert.equal((await get(port, 'c.test')).status, 421);
    assert.deepEqual(await vhostd.run('reload', 'c'), { code: 0, stdout: 'c: generation 1\n', stderr: '' });
    assert.equal((await askRelease(port, 'c.test')).generation, 1);
    assert.deepEqual(idsOf(await vhostd.client.status()), ['a', 'c', 'b']);
    const unknown = await vhostd.run('reload', 'd');
    assert.deepEqual([unknown.code, unknown.stdout], [1, '']);
    assert.match(unknown.stderr, /there is no site 'd'; there are: a, c, b \(ERR_SITE_UNKNOWN\)/);
  });

  void it('one site alone that is gone from the conf is not reloaded, and serves on', async (t) => {
    const vhostd = await startVhostd(t, { daemon: true, sites: [site('a'), site('b')], prepare: release });
    const before = await vhostd.site('b');
    vhostd.configure([site('a')]);
    assert.deepEqual(await vhostd.run('reload', 'b'), {
      code: 1,
      stdout: '',
      stderr:
        "vhostd: site 'b' is no longer in the conf: a reload of all sites stops it (ERR_SITE_UNKNOWN)\n" +
        '  vhostd status lists the sites\n',
    });
    assert.deepEqual(settled(await vhostd.site('b')), settled(before));
    assert.equal((await askRelease(await vhostd.port(), 'b.test')).generation, 1);
    assert.equal((await vhostd.run('reload', 'a')).code, 0);
    // What came of commands is in the daemon's log, once each.
    const failed = (await vhostd.logs('order.failed')).map(({ code }) => code);
    const done = (await vhostd.logs('order.done')).map(({ sites }) => sites);
    assert.deepEqual(failed, ['ERR_SITE_UNKNOWN']);
    assert.deepEqual(done, [[{ siteId: 'a', generation: 2, ok: true }]]);
  });

  void it('new workers are measured by the allowance of the new conf, and old ones change nothing any more', async (t) => {
    const vhostd = await startVhostd(t, {
      daemon: true,
      sites: [claiming('one.test', ['one.test'])],
      prepare: (dir) => {
        writeFileSync(join(dir, 'server.cjs'), CLAIMING);
      },
    });
    const port = await vhostd.port();
    const stream = await WireClient.open(port);
    stream.send('GET /hold HTTP/1.1\r\nHost: one.test\r\n\r\n');
    await stream.head();
    vhostd.configure([claiming('two.test', ['two.test'])]);
    assert.deepEqual(await vhostd.run('reload'), { code: 0, stdout: 'a: generation 2\n', stderr: '' });
    assert.equal((await get(port, 'two.test')).status, 200);
    // The old worker asks for its own host again and again.
    const refusal = await until('the old worker is refused', async () => {
      const text = (await stream.chunk()).toString();
      return { done: text !== 'ok', value: text };
    });
    assert.equal(refusal, 'ERR_WORKER_LEAVING');
    assert.equal((await get(port, 'one.test')).status, 421);
    stream.close();
    vhostd.configure([claiming('two.test', ['three.test'])]);
    const told = await vhostd.run('reload');
    assert.equal(told.code, 1);
    assert.match(
      told.stdout,
      /^a: failed: .*listen\[0\]\.host: "two\.test" is outside of .*three\.test.*\(ERR_ALLOW_HOST\)\n$/,
    );
    assert.equal((await get(port, 'two.test')).status, 200);
  });
});

function claiming(host: string, hosts: string[]): SiteOptions {
  const workerOptions = { env: { SITE_HOST: host } };
  return {
    siteId: 'a',
    workerFile: 'server.cjs',
    listen: undefined,
    allow: { hosts },
    workerOptions,
    drainTimeout: '20s',
  };
}

/** Asks for the host that its environment names, and for it again and again while `/hold` is being read. */
const CLAIMING = `const worker = require(${JSON.stringify(fileURLToPath(import.meta.resolve('@vhostd/worker')))});
const { createServer } = require('node:http');
const claim = () => worker.updateServerConf({
  listen: [{ host: process.env.SITE_HOST, port: 0, ipaddress: '127.0.0.1' }],
});
worker.server = createServer((request, response) => {
  if (request.url !== '/hold') return response.end('here');
  response.flushHeaders();
  const timer = setInterval(() => {
    claim().then(() => response.write('ok'), (error) => response.write(error.code));
  }, 50);
  response.on('close', () => clearInterval(timer));
});
void claim();
`;
