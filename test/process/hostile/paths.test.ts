// A site of another user changes what its own paths lead to: that is an error of this site, and of nobody else.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { askSite } from '../../kit/ask-site.js';
// Loaded before a site's sockets are looked at: Node 20 and 22 leave a package's link unresolved behind that.
import '../../kit/full-vhostd.js';
import { give, OTHER_USER, otherUserSkip, placesOf } from '../../kit/other-user.js';
import { startVhostd } from '../../kit/start-vhostd.js';
import type { LoneMaster, SiteOptions } from '../../kit/start-vhostd.js';

/** A site of the other user in a directory of its own, and one beside it. */
async function start(t: TestContext, path: string, site: Partial<SiteOptions>): Promise<LoneMaster> {
  return await startVhostd(t, {
    sites: [
      {
        siteId: 'a',
        path,
        workerOptions: { uid: OTHER_USER, gid: OTHER_USER },
        restart: { intensity: 1000, backoffMin: '1ms', backoffMax: '1ms' },
        ...site,
      },
      { siteId: 'b' },
    ],
    wait: false,
  });
}

async function unharmed(vhostd: LoneMaster): Promise<void> {
  assert.equal((await askSite(await vhostd.port(), 'b.test')).siteId, 'b');
  assert.equal((await vhostd.site('b')).reason, undefined);
  assert.ok(vhostd.alive);
}

test(
  'a log behind a link into a directory of root is not made, and the status says so',
  { skip: otherUserSkip },
  async (t) => {
    const { ours, theirs } = placesOf(t);
    const locked = join(ours, 'locked');
    mkdirSync(locked, { mode: 0o700 });
    symlinkSync(locked, join(theirs, 'log'));
    writeFileSync(join(theirs, 'index.js'), `console.log('printed'); ${SERVE}`);
    const vhostd = await start(t, theirs, { workerFile: 'index.js', logOutput: 'log/out.log' });
    await vhostd.published();
    const { sites } = await vhostd.until(
      'the status tells of the log',
      ({ sites: [a] }) => a?.reason !== undefined,
    );
    assert.match(
      String(sites[0]?.reason),
      /^its log can't be written: \S+\/log\/out\.log is not opened: a link in it/,
    );
    assert.deepEqual([sites[0]?.state, existsSync(join(locked, 'out.log'))], ['running', false]);
    await unharmed(vhostd);

    rmSync(join(theirs, 'log'));
    await vhostd.until('the log is written', ({ sites: [a] }) => a?.reason === undefined);
    await vhostd.until(
      'what was printed is in it',
      () => readFileSync(join(theirs, 'log', 'out.log'), 'utf8') === 'printed\n',
    );
  },
);

test('a maintenance page that is a link to a file of root is refused', { skip: otherUserSkip }, async (t) => {
  const { ours, theirs } = placesOf(t);
  writeFileSync(join(ours, 'secret'), 'secret', { mode: 0o600 });
  symlinkSync(join(ours, 'secret'), join(theirs, 'page.html'));
  writeFileSync(join(theirs, 'index.js'), SERVE);
  const vhostd = await start(t, theirs, { workerFile: 'index.js', maintenancePage: 'page.html' });
  await vhostd.published();
  await assert.rejects(vhostd.maintenance('a'), {
    code: 'ERR_MAINTENANCE_PAGE',
    message: /page\.html is not opened: a link in it leads to/,
  });
  assert.equal((await vhostd.site('a')).maintenance, undefined);
  await unharmed(vhostd);
});

test(
  'a package.json that is a pipe at times holds up nobody but its site',
  { skip: otherUserSkip },
  async (t) => {
    const { theirs } = placesOf(t);
    const names = ['package.json', 'pipe'].map((name) => join(theirs, name));
    writeFileSync(names[0] ?? '', '{"main":"index.js"}');
    execFileSync('mkfifo', [names[1] ?? '']);
    writeFileSync(join(theirs, 'index.js'), 'process.exit(1)');
    for (const name of names) give(name);
    const stop = await exchanging(names);
    try {
      const vhostd = await start(t, theirs, { workerFile: '.', bootTimeout: '500ms' });
      await vhostd.until(
        'the site is started again and again',
        ({ sites: [a] }) => (a?.workers[0]?.restarts ?? 0) >= 30,
      );
      await unharmed(vhostd);
    } finally {
      await stop();
    }
  },
);

test(
  'what a site has made of its own directory and program holds up no start and no reload of the others',
  { skip: otherUserSkip },
  async (t) => {
    const { theirs } = placesOf(t);
    const current = join(theirs, 'current');
    writeFileSync(join(theirs, 'run'), '#!/bin/sh \0\nno program');
    const workerOptions = { uid: OTHER_USER, gid: OTHER_USER };
    const vhostd = await startVhostd(t, {
      daemon: true,
      sites: [
        { siteId: 'a', path: current, workerFile: 'index.js', workerOptions },
        { siteId: 'c', path: theirs, workerFile: 'run', workerOptions },
        { siteId: 'b' },
      ],
      wait: false,
    });
    await vhostd.until('the good site serves', ({ sites }) => sites[2]?.state === 'running');
    const { sites } = await vhostd.reload();
    assert.deepEqual(
      sites.map(({ siteId, ok }) => [siteId, ok]),
      [
        ['a', false],
        ['c', false],
        ['b', true],
      ],
    );
    assert.equal((await askSite(await vhostd.port(), 'b.test')).siteId, 'b');
  },
);

/** Lets two names of a directory change places until the function is called that this resolves with. */
async function exchanging(names: readonly string[]): Promise<() => Promise<void>> {
  const child = spawn(process.execPath, ['-e', EXCHANGE, ...names], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  await once(child.stdout, 'data');
  return async () => {
    child.kill('SIGKILL');
    await ended;
  };
}

const EXCHANGE = `
  const { linkSync, renameSync } = require('node:fs');
  const [name, other] = process.argv.slice(1);
  linkSync(name, name + '.file');
  linkSync(other, name + '.pipe');
  process.stdout.write('started');
  for (let count = 0; ; count += 1) {
    linkSync(name + ['.pipe', '.file'][count % 2], name + '.next');
    renameSync(name + '.next', name);
  }`;
const SERVE = `require('node:http').createServer((_request, response) => response.end()).listen(8080)`;
