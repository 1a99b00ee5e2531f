import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { CompileCache, prune } from './compile-cache.js';

function placeOf(t: TestContext): string {
  const place = mkdtempSync(join(tmpdir(), 'vhostd-compile-'));
  t.after(() => rmSync(place, { recursive: true, force: true }));
  return place;
}

/** A release with a file of so many bytes, that ran so many minutes ago. */
function release(place: string, name: string, bytes: number, minutes: number): void {
  const directory = join(place, name);
  mkdirSync(join(directory, 'v24'), { recursive: true });
  writeFileSync(join(directory, 'v24', 'entry'), Buffer.alloc(bytes));
  const then = new Date(Date.now() - minutes * 60_000);
  utimesSync(directory, then, then);
}

test('the releases that ran last are kept, whatever their names, and no more than so many', (t) => {
  const place = placeOf(t);
  release(place, 'b', 10, 3);
  release(place, 'a', 10, 2);
  release(place, 'd', 10, 1);
  release(place, 'c', 10, 9);
  prune(place, 2, 1000);
  assert.deepEqual(readdirSync(place).toSorted(), ['a', 'd']);
});

test('a release that has grown too large goes, the one that runs included, and no link is followed', (t) => {
  const place = placeOf(t);
  const outside = placeOf(t);
  writeFileSync(join(outside, 'kept'), '');
  release(place, 'large', 2000, 0);
  release(place, 'small', 10, 1);
  symlinkSync(outside, join(place, 'small', 'link'));
  prune(place, 2, 1000);
  assert.deepEqual(readdirSync(place), ['small']);
  prune(place, 0, 1000);
  assert.deepEqual([readdirSync(place), readdirSync(outside)], [[], ['kept']]);
});

test('only the directory of its own site is taken, and its variable is gone for what the site starts', (t) => {
  const place = placeOf(t);
  t.after(() => delete process.env['NODE_COMPILE_CACHE']);
  for (const [value, siteDir] of [
    ['/elsewhere', place],
    [`${place}-other/x`, place],
    [`${place}/x`, undefined],
  ] as const) {
    process.env['NODE_COMPILE_CACHE'] = value;
    assert.equal(CompileCache.ofProcess(siteDir), undefined);
    assert.equal(process.env['NODE_COMPILE_CACHE'], value);
  }
  process.env['NODE_COMPILE_CACHE'] = `${place}/x`;
  CompileCache.ofProcess(place);
  assert.equal(process.env['NODE_COMPILE_CACHE'], undefined);
});
