// The directories that workers of a site use: gone with the site, without a look at where links in them lead.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { SiteDirectories } from './site-directories.js';

function placeOf(t: TestContext): { base: string; outside: string; directories: SiteDirectories } {
  const place = mkdtempSync(join(tmpdir(), 'vhostd-directories-'));
  t.after(() => rmSync(place, { recursive: true, force: true }));
  const [base, outside] = [join(place, 'sites'), join(place, 'outside')];
  mkdirSync(outside);
  writeFileSync(join(outside, 'kept'), '');
  return { base, outside, directories: new SiteDirectories(base) };
}

async function untilLeft(base: string, count: number): Promise<void> {
  for (const limitMs = performance.now() + 30_000; readdirSync(base).length > count; await delay(5))
    assert.ok(performance.now() < limitMs, readdirSync(base).join());
}

test('a site that is removed takes its directory along, and nothing that links in it lead to', async (t) => {
  const { base, outside, directories } = placeOf(t);
  const directory = directories.of({ siteId: 'a' });
  const other = directories.of({ siteId: 'b' });
  writeFileSync(join(directory, 'keys'), '');
  mkdirSync(join(directory, 'empty'));
  symlinkSync(outside, join(directory, 'link'));
  directories.remove('a');
  // At once: another site of its id has another one.
  assert.deepEqual([existsSync(directory), readdirSync(directories.of({ siteId: 'a' }))], [false, []]);
  await untilLeft(base, 2);
  assert.deepEqual([existsSync(other), readdirSync(outside)], [true, ['kept']]);
});

test('what is deeper in it goes as well, and no link there leads out of it', async (t) => {
  const { base, outside, directories } = placeOf(t);
  const deep = join(directories.of({ siteId: 'a' }), 'cache', 'v1');
  mkdirSync(deep, { recursive: true });
  writeFileSync(join(deep, 'file'), '');
  symlinkSync(outside, join(deep, 'link'));
  symlinkSync(join(outside, 'kept'), join(deep, 'kept'));
  directories.remove('a');
  await untilLeft(base, 0);
  assert.deepEqual(readdirSync(outside), ['kept']);
});

test('what is deeper than anything of ours stays: no level of it is opened', async (t) => {
  const { base, directories } = placeOf(t);
  const directory = directories.of({ siteId: 'a' });
  const deep = join(directory, ...Array.from({ length: 20 }, () => 'd'));
  mkdirSync(deep, { recursive: true });
  writeFileSync(join(directory, 'd', 'file'), '');
  writeFileSync(join(deep, 'file'), '');
  directories.remove('a');
  const [left = ''] = readdirSync(base);
  while (existsSync(join(base, left, 'd', 'file'))) await delay(5);
  assert.ok(existsSync(join(base, left, ...Array.from({ length: 20 }, () => 'd'), 'file')));
});

test('a site that never had one has none to remove', (t) => {
  const { base, directories } = placeOf(t);
  directories.remove('a');
  assert.equal(existsSync(base), false);
});
