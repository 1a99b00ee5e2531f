import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { AccessLogRotation } from './access-log-rotation.js';
import { isOverdue, removeRotated, rotate, tidy } from './log-rotation.js';

let directory: string;
let file: string;
beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'vhostd-rotation-'));
  file = path.join(directory, 'a.log');
});
afterEach(() => rmSync(directory, { recursive: true }));

const meant = async (): Promise<boolean> => true;

/** What the files hold, by their names. */
function contents(): Record<string, string> {
  return Object.fromEntries(
    readdirSync(directory).map((name) => {
      const bytes = readFileSync(path.join(directory, name));
      return [name, (name.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString()];
    }),
  );
}

void describe('a log that is rotated', () => {
  void it('has all but its newest old file compressed, with the time at which that was written', async () => {
    const rotation = { maxBytes: 10, keepCount: 3, compress: true };
    for (const text of ['1', '2', '3', '4', '5']) {
      writeFileSync(file, text);
      utimesSync(file, 1_000, 1_000);
      await rotate(file, rotation, meant);
      await tidy(file, rotation);
    }
    assert.deepEqual(contents(), { 'a.log.1': '5', 'a.log.2.gz': '4', 'a.log.3.gz': '3' });
    assert.equal(statSync(`${file}.3.gz`).mtimeMs, 1_000_000);
    writeFileSync(file, '6');
    await removeRotated(file, rotation);
    assert.deepEqual(contents(), { 'a.log': '6' });
  });

  void it('keeps what was not compressed before, and each once', async () => {
    const plain = { maxBytes: 10, keepCount: 3 };
    for (const text of ['1', '2']) {
      writeFileSync(file, text);
      await rotate(file, plain, meant);
    }
    await Promise.all([1, 2].map(() => tidy(file, { ...plain, compress: true })));
    assert.deepEqual(contents(), { 'a.log.1': '2', 'a.log.2.gz': '1' });
  });

  void it('is rid of files that are older than they may be, and of no others', async () => {
    for (const [name, seconds] of [
      ['.1', 50],
      ['.2.gz', 200],
      ['.3', 300],
    ] as const) {
      writeFileSync(file + name, '');
      utimesSync(file + name, Date.now() / 1_000 - seconds, Date.now() / 1_000 - seconds);
    }
    await tidy(file, { maxBytes: 10, keepCount: 3, maxAgeMs: 100_000 });
    assert.deepEqual(readdirSync(directory), ['a.log.1']);
  });

  void it('is left alone where it is not the file that was meant', async () => {
    writeFileSync(file, 'x');
    await rotate(file, { maxBytes: 10, keepCount: 3 }, async () => false);
    assert.deepEqual(contents(), { 'a.log': 'x' });
  });

  void it('is overdue in another interval than that of what was written last', () => {
    const rotation = { maxBytes: 1, keepCount: 1, intervalMs: 1_000 };
    assert.deepEqual(
      [1_000, 1_999, 2_000].map((nowMs) => isOverdue(rotation, 1_500, nowMs)),
      [false, false, true],
    );
    assert.equal(isOverdue({ maxBytes: 1, keepCount: 1 }, 0, 10_000), false);
  });
});

void it('an access log is rotated by its size and by its interval, and one that is not there is no fault', async () => {
  const log = new AccessLogRotation(file, { maxBytes: 10, keepCount: 3, intervalMs: 86_400_000 });
  await log.look();
  writeFileSync(file, 'short');
  await log.look();
  assert.deepEqual(contents(), { 'a.log': 'short' });
  writeFileSync(file, 'x'.repeat(11));
  await log.look();
  assert.deepEqual(Object.keys(contents()), ['a.log.1']);
  log.close();
  writeFileSync(file, 'old');
  utimesSync(file, 1_000, 1_000);
  const next = new AccessLogRotation(file, { maxBytes: 10, keepCount: 3, intervalMs: 86_400_000 });
  await next.look();
  next.close();
  assert.deepEqual(contents(), { 'a.log.1': 'old', 'a.log.2': 'x'.repeat(11) });
});
