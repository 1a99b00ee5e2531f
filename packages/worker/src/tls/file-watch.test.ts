import assert from 'node:assert/strict';
import { mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { FileWatch, filesState } from './file-watch.js';

void test('a change of files is noticed however it comes, and once', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'file-watch-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const file = (name: string): string => join(directory, name);
  for (const name of ['a', 'b', 'target1', 'target2']) writeFileSync(file(name), name);
  symlinkSync('target1', file('link'));
  let count = 0;
  let changed: () => void = () => undefined;
  const files = [file('a'), file('link'), file('missing')];
  const watch = new FileWatch(
    { files, known: filesState(files) },
    () => {
      count += 1;
      changed();
    },
    10,
  );
  t.after(() => watch.stop());
  const next = async (change: () => void): Promise<void> => {
    const told = new Promise<void>((resolve) => {
      changed = resolve;
    });
    change();
    // The watch alone keeps no process.
    const held = setInterval(() => undefined, 1000);
    await told;
    clearInterval(held);
  };
  const changes: (() => void)[] = [
    () => writeFileSync(file('a'), 'written anew'),
    () => renameSync(file('b'), file('a')),
    () => {
      symlinkSync('target2', file('next'));
      renameSync(file('next'), file('link'));
    },
    () => writeFileSync(file('missing'), 'there'),
    () => rmSync(file('missing')),
  ];
  for (const [index, change] of changes.entries()) {
    await next(change);
    assert.equal(count, index + 1);
  }
});

void test('a change before the first look is noticed, too', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'file-watch-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const files = [join(directory, 'issued.pem')];
  const known = filesState(files);
  writeFileSync(files[0] ?? '', 'there');
  const held = setInterval(() => undefined, 1000);
  await new Promise<void>((resolve) => {
    const watch = new FileWatch({ files, known }, resolve, 10);
    t.after(() => watch.stop());
  });
  clearInterval(held);
});

void test('a process that has stood still takes what is there by now at once, and is told of it once', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'file-watch-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const file = join(directory, 'a');
  writeFileSync(file, 'a');
  let count = 0;
  const watch = new FileWatch({ files: [file], known: filesState([file]) }, () => (count += 1), 60_000);
  watch.lookNow();
  writeFileSync(`${file}.next`, 'another one');
  renameSync(`${file}.next`, file);
  watch.lookNow();
  watch.lookNow();
  assert.equal(count, 1);
  watch.stop();
  rmSync(file);
  watch.lookNow();
  assert.equal(count, 1);
});
