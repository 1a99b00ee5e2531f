import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import {
  mkdirSync,
  symlinkSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { WatchedSites } from './watched-sites.js';

interface Bench {
  readonly sites: WatchedSites;
  /** The next report of a kind. */
  readonly next: (kind: 'watching' | 'changed' | 'problem') => Promise<unknown>;
  readonly write: (name: string, when?: 'before') => void;
  readonly site: (siteId: string) => Parameters<WatchedSites['watch']>[0][number];
}

function makeBench(t: TestContext): Bench {
  const directory = realpathSync(mkdtempSync(path.join(tmpdir(), 'vhostd-sites-')));
  const reports = new EventEmitter();
  const sites = new WatchedSites({
    watching: (told) => void reports.emit('watching', told),
    changed: (told) => void reports.emit('changed', told),
    problem: (told) => void reports.emit('problem', told),
  });
  t.after(() => {
    sites.watch([]);
    rmSync(directory, { recursive: true });
  });
  const write: Bench['write'] = (name, when) => {
    const file = path.join(directory, name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, String(Math.random()));
    if (when === 'before') utimesSync(file, 1, 1);
  };
  return {
    sites,
    next: async (kind) => (await once(reports, kind))[0] as unknown,
    write,
    site: (siteId) => ({
      siteId,
      path: path.join(directory, siteId),
      extensions: ['js'],
      followSymlinks: true,
      sinceMs: Date.now(),
    }),
  };
}

void test('tells which site has changed, with paths of the site, and of no site that is watched no more', async (t) => {
  const { sites, next, write, site } = makeBench(t);
  for (const name of ['a/index.js', 'a/lib/x.js', 'b/index.js', 'a/notes.txt']) write(name, 'before');
  const [a, b] = [site('a'), site('b')];
  sites.watch([a]);
  assert.deepEqual(await next('watching'), { siteId: 'a', count: 2 });
  sites.watch([a, b]);
  assert.deepEqual(await next('watching'), { siteId: 'b', count: 1 });
  const changed = next('changed');
  write('a/notes.txt');
  write('a/lib/x.js');
  assert.deepEqual(await changed, { siteId: 'a', files: ['lib/x.js'], count: 1 });
  sites.watch([b]);
  const ofB = next('changed');
  write('a/index.js');
  write('b/index.js');
  assert.deepEqual(await ofB, { siteId: 'b', files: ['index.js'], count: 1 });
});

void test('what links of a site lead to is left alone where they are not to be followed', async (t) => {
  const { sites, next, write, site } = makeBench(t);
  for (const name of ['a/index.js', 'elsewhere/x.js', 'elsewhere/y.js']) write(name, 'before');
  const a = site('a');
  symlinkSync('../elsewhere', path.join(a.path, 'link'));
  sites.watch([{ ...a, followSymlinks: false }]);
  assert.deepEqual(await next('watching'), { siteId: 'a', count: 1 });
  sites.watch([a]);
  assert.deepEqual(await next('watching'), { siteId: 'a', count: 3 });
});
