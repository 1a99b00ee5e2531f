// What Node compiles of a site's code is kept for its next start: in a directory of the site, of its user, that what it
// starts knows nothing of.
import assert from 'node:assert/strict';
import { readdirSync, statSync } from 'node:fs';
import { get } from 'node:http';
import { test } from 'node:test';
import { OTHER_USER, otherUserSkip, placesOf } from '../../kit/other-user.js';
import { siteFile, startVhostd } from '../../kit/start-vhostd.js';
import type { SeenCache } from './compile-cache.site.js';

const workerFile = siteFile('compile-cache', import.meta.url);
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
/** Below, there is none, or none that is written on request. */
const skip = major < 22 || (major === 22 && minor < 10);

async function see(port: number, host: string, path = '/'): Promise<SeenCache> {
  const text = await new Promise<string>((resolve, reject) => {
    get({ port, host: '127.0.0.1', path, headers: { Host: host }, agent: false }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (body += chunk));
      response.on('end', () => resolve(body));
    }).on('error', reject);
  });
  return JSON.parse(text) as SeenCache;
}

test('each site has a cache of its own, which what it starts is not told of', { skip }, async (t) => {
  const vhostd = await startVhostd(t, {
    sites: [
      { siteId: 'a', workerFile },
      { siteId: 'b', workerFile },
    ],
  });
  const port = await vhostd.port();
  const [a, b] = [await see(port, 'a.test', '/flush'), await see(port, 'b.test')];
  assert.notEqual(a.directory, b.directory);
  assert.match(a.directory ?? '', /\/a\/compile-cache\//);
  assert.deepEqual([a.own, a.childs], [undefined, 'undefined']);
  const { mode, uid } = statSync(a.directory?.replace(/\/compile-cache\/.*/, '') ?? '');
  assert.deepEqual([mode & 0o777, uid], [0o700, process.getuid?.()]);
  assert.ok(readdirSync(a.directory ?? '').length > 0);
});

test("that of a site with a user of its own is that user's", { skip: skip || otherUserSkip }, async (t) => {
  const { theirs } = placesOf(t);
  const vhostd = await startVhostd(t, {
    sites: [{ siteId: 'a', path: theirs, workerFile, user: OTHER_USER }],
  });
  const { directory = '' } = await see(await vhostd.port(), 'a.test', '/flush');
  assert.match(directory, /^\/proc\/self\/fd\/\d+\/compile-cache\//);
  const { workers = [] } = (await vhostd.status()).sites[0] ?? {};
  const found = directory.replace('/self/', `/${workers[0]?.pid}/`);
  assert.ok(readdirSync(found).length > 0);
  for (const name of readdirSync(found)) assert.equal(statSync(`${found}/${name}`).uid, OTHER_USER);
});

test(
  'with compileCache false there is none, and one that the conf names is left to the site',
  { skip },
  async (t) => {
    const own = '/nonexistent/cache';
    const vhostd = await startVhostd(t, {
      sites: [
        { siteId: 'off', workerFile, compileCache: false },
        { siteId: 'own', workerFile, workerOptions: { env: { NODE_COMPILE_CACHE: own } } },
      ],
    });
    const port = await vhostd.port();
    assert.deepEqual(await see(port, 'off.test'), { childs: 'undefined' });
    const seen = await see(port, 'own.test');
    assert.deepEqual([seen.own, seen.childs], [own, own]);
  },
);

test('on a Node without one the site is told of none', { skip: major >= 22 }, async (t) => {
  const vhostd = await startVhostd(t, { sites: [{ siteId: 'a', workerFile }] });
  assert.deepEqual(await see(await vhostd.port(), 'a.test'), { childs: 'undefined' });
});
