import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { LogTail } from './log-tail.js';

let directory: string;
let file: string;
let tail: LogTail | undefined;
beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'vhostd-tail-'));
  file = path.join(directory, 'a.log');
});
afterEach(() => {
  tail?.close();
  rmSync(directory, { recursive: true });
});

void describe('LogTail', () => {
  void it('gives complete lines from the end back, through the files that were rotated', () => {
    writeFileSync(`${file}.2`, 'one\ntwo\n');
    writeFileSync(`${file}.1`, 'three\n\nfünf\n');
    writeFileSync(file, 'six\nunfinished');
    tail = new LogTail(file);
    assert.deepEqual([...tail.back()], ['six', 'fünf', '', 'three', 'two', 'one']);
    appendFileSync(file, ' no more\nseven\n');
    assert.deepEqual(tail.more(), ['unfinished no more', 'seven']);
    assert.deepEqual(tail.more(), []);
  });

  void it('reads on in old files that were compressed', () => {
    writeFileSync(file, 'e\n');
    writeFileSync(`${file}.1`, 'd\n');
    writeFileSync(`${file}.2.gz`, gzipSync('b\nc\n'));
    writeFileSync(`${file}.3.gz`, gzipSync('a\n'));
    tail = new LogTail(file);
    assert.deepEqual([...tail.back()], ['e', 'd', 'c', 'b', 'a']);
  });

  void it('gives lines of any length, wherever blocks end', () => {
    const lines = Array.from({ length: 300 }, (_, index) => `${index}${'ä'.repeat((index * 37) % 5000)}`);
    lines.push('z'.repeat(200_000), 'end');
    writeFileSync(file, `${lines.join('\n')}\n`);
    tail = new LogTail(file);
    assert.deepEqual([...tail.back()], lines.toReversed());
  });

  void it('follows the file through rotations, and misses nothing', () => {
    writeFileSync(file, 'old\n');
    tail = new LogTail(file);
    appendFileSync(file, 'last of the first\n');
    for (const name of ['second', 'third']) {
      for (const number of [2, 1]) {
        try {
          renameSync(`${file}.${number}`, `${file}.${number + 1}`);
        } catch {
          // there is none yet
        }
      }
      renameSync(file, `${file}.1`);
      writeFileSync(file, `${name}\n`);
    }
    assert.deepEqual(tail.more(), ['last of the first', 'second', 'third']);
    appendFileSync(file, 'more\n');
    assert.deepEqual(tail.more(), ['more']);
  });

  void it('begins anew in a file that was emptied, and finds one that comes later', () => {
    tail = new LogTail(file);
    assert.deepEqual([...tail.back()], []);
    assert.deepEqual(tail.more(), []);
    writeFileSync(file, 'a long first line\n');
    assert.deepEqual(tail.more(), ['a long first line']);
    truncateSync(file);
    appendFileSync(file, 'new\n');
    assert.deepEqual(tail.more(), ['new']);
  });
});
