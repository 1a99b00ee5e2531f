// A site under Node's permission model: its link and what the runtime does for it work, and its code is held.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { get } from '../../kit/ask-site.js';
import { OTHER_USER, otherUserSkip, placesOf } from '../../kit/other-user.js';
import { startVhostd } from '../../kit/start-vhostd.js';
import type { LoneMaster, SiteOptions } from '../../kit/start-vhostd.js';
import { until } from '../../kit/until.js';
import { HOST, writeApp } from '../apps/app.js';

/** Answers what became of each attempt. */
const APP = `const fs = require('node:fs');
const attempts = {
  passwd: () => fs.readFileSync('/etc/passwd') && 'read',
  hosts: () => fs.readFileSync('/etc/hosts') && 'read',
  own: () => fs.readFileSync(__filename) && 'read',
  directory: () => fs.readdirSync(__dirname) && 'read',
  write: () => fs.writeFileSync(__dirname + '/written', '') ?? 'written',
  data: () => fs.writeFileSync(__dirname + '/data/written', '') ?? 'written',
  child: () => require('node:child_process').spawn('true') && 'started',
  thread: () => new (require('node:worker_threads').Worker)('0', { eval: true }) && 'started',
  worker: () => typeof require('@vhostd/worker').updateServerConf,
};
const outcomes = Object.entries(attempts).map(([name, attempt]) => {
  try {
    return [name, attempt()];
  } catch (error) {
    return [name, error.code ?? error.message];
  }
});
require('node:http').createServer((q, r) => r.end(JSON.stringify(Object.fromEntries(outcomes)))).listen(1);`;

const DENIED = 'ERR_ACCESS_DENIED';
const HELD = {
  passwd: DENIED,
  hosts: DENIED,
  own: 'read',
  directory: 'read',
  write: DENIED,
  data: DENIED,
  child: DENIED,
  thread: DENIED,
  worker: 'function',
};

async function outcomes(t: TestContext, options: Partial<SiteOptions>): Promise<[unknown, LoneMaster]> {
  const vhostd = await startVhostd(t, {
    sites: [{ siteId: 'a', workerFile: writeApp(t, APP), ...options }],
  });
  return [JSON.parse((await get(await vhostd.port(), HOST)).body.toString()), vhostd];
}

test('a site with no permissions is served, and reads nothing that is not its own', async (t) => {
  const [held, vhostd] = await outcomes(t, { permissions: {} });
  assert.deepEqual(held, HELD);
  // Its connections move, its workers are replaced: the link needs none of what is denied.
  await vhostd.reloaded('a');
  assert.equal((await get(await vhostd.port(), HOST)).status, 200);
});

test('what the conf allows is allowed, and nothing else', async (t) => {
  const workerFile = writeApp(t, APP);
  mkdirSync(join(dirname(workerFile), 'data'));
  const [held] = await outcomes(t, {
    workerFile,
    path: dirname(workerFile),
    permissions: { read: ['/etc/hosts'], write: ['data'], childProcess: true, workerThreads: true },
  });
  assert.deepEqual(held, { ...HELD, hosts: 'read', data: 'written', child: 'started', thread: 'started' });
});

test('a release behind a symbolic link is its own, and its access log is written', async (t) => {
  const release = dirname(writeApp(t, APP));
  const base = dirname(writeApp(t, ''));
  symlinkSync(release, join(base, 'current'));
  mkdirSync(join(base, 'log'));
  const accessLog = join(base, 'log/access.log');
  const [held] = await outcomes(t, {
    path: join(base, 'current'),
    workerFile: 'app.cjs',
    accessLog,
    permissions: {},
  });
  assert.deepEqual(held, HELD);
  await until('the answer is in the log', () => {
    const value = existsSync(accessLog) ? readFileSync(accessLog, 'utf8') : '';
    return { done: value.includes('"GET / HTTP/1.1" 200'), value };
  });
});

test('a module that imports the runtime is served', async (t) => {
  const dir = dirname(writeApp(t, ''));
  const workerFile = join(dir, 'app.mjs');
  writeFileSync(
    workerFile,
    `import { createServer } from 'node:http';
import { worker } from '@vhostd/worker';
worker.server = createServer((q, r) => r.end(JSON.stringify(typeof worker)));`,
  );
  const [answer] = await outcomes(t, { workerFile, permissions: { workerThreads: true } });
  assert.equal(answer, 'object');
});

test('a site with a user of its own is held as well', { skip: otherUserSkip }, async (t) => {
  const { theirs } = placesOf(t);
  writeFileSync(join(theirs, 'app.cjs'), APP);
  const options = { path: theirs, workerFile: 'app.cjs', user: OTHER_USER, permissions: {} };
  const [held] = await outcomes(t, options);
  assert.deepEqual(held, HELD);
});
