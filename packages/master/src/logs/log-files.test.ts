import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { LogFiles } from './log-files.js';
import { until } from './until.test.kit.js';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'vhostd-logs-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

void describe('LogFiles', () => {
  void it('gives one file for one path, however it is written, and closes it with its last user', async () => {
    const files = new LogFiles();
    const file = path.join(directory, 'app.log');
    const one = files.open(file);
    assert.equal(files.open(path.join(directory, 'x', '..', 'app.log')), one);
    assert.notEqual(files.open(path.join(directory, 'other.log')), one);
    await files.release(one);
    assert.equal(one.write('still open\n'), true);
    await files.release(one);
    assert.equal(one.write('closed\n'), false);
    await files.release(one);
    assert.equal(readFileSync(file, 'utf8'), 'still open\n');
    const again = files.open(file);
    assert.notEqual(again, one);
    assert.deepEqual(
      files.stats().map((stats) => path.basename(stats.path)),
      ['other.log', 'app.log'],
    );
    await Promise.all([files.release(again), files.release(files.open(path.join(directory, 'other.log')))]);
  });

  void it('reopens and flushes all of them', async () => {
    const files = new LogFiles();
    const paths = ['a', 'b'].map((name) => path.join(directory, name));
    const logs = paths.map((file) => files.open(file));
    await until(() => paths.every((file) => statSync(file, { throwIfNoEntry: false }) !== undefined));
    for (const log of logs) log.write('first\n');
    files.flushSync();
    await until(() => logs.every((log) => log.stats.queuedBytes === 0));
    for (const file of paths) renameSync(file, `${file}.1`);
    files.reopen();
    for (const log of logs) log.write('second\n');
    await Promise.all(logs.map((log) => files.release(log)));
    for (const file of paths) {
      assert.equal(readFileSync(`${file}.1`, 'utf8'), 'first\n');
      assert.equal(readFileSync(file, 'utf8'), 'second\n');
    }
  });
});
