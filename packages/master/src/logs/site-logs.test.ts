import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PassThrough } from 'node:stream';
import type { Readable, Writable } from 'node:stream';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { LogFiles } from './log-files.js';
import { SiteLogs } from './site-logs.js';
import type { LogStream, SiteLogsOptions } from './site-logs.js';

let directory: string;
let files: LogFiles;
beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'vhostd-site-'));
  files = new LogFiles();
});
afterEach(() => rmSync(directory, { recursive: true }));

void describe('SiteLogs', () => {
  void it('sends standard output and error to their files, and both to the file for all', async () => {
    const logs = new SiteLogs({ files, logOutput: at('out'), logError: at('err'), logAll: at('all') });
    const worker = run(`console.log('to out'); console.error('to err'); process.stdout.write('no newline')`);
    logs.attach(worker);
    await once(worker, 'close');
    await logs.close();
    assert.equal(read('out'), 'to out\nno newline\n');
    assert.equal(read('err'), 'to err\n');
    assert.deepEqual(read('all').split('\n').toSorted(), ['', 'no newline', 'to err', 'to out']);
    assert.deepEqual(
      logs.stats.map(({ path: file, lostLines }) => [path.basename(file), lostLines]),
      [
        ['out', 0],
        ['err', 0],
        ['all', 0],
      ],
    );
  });

  void it('never mixes lines of several workers, although each writes them in pieces', async () => {
    const logs = new SiteLogs({ files, logAll: at('all') });
    const workers = ['a', 'b', 'c', 'd'].map((id) => run(pieces(id)));
    for (const worker of workers) logs.attach(worker);
    await Promise.all(workers.map((worker) => once(worker, 'close')));
    await logs.close();
    const lines = read('all').split('\n');
    assert.equal(lines.pop(), '');
    assert.equal(lines.length, 400);
    for (const line of lines) assert.match(line, /^(a+|b+|c+|d+)$/u);
    for (const id of ['a', 'b', 'c', 'd']) {
      const lengths = lines.filter((line) => line.startsWith(id)).map((line) => line.length / 3 - 30);
      assert.deepEqual(
        lengths.toSorted((a, b) => a - b),
        Array.from({ length: 100 }, (_, line) => line),
      );
    }
  });

  void it('writes a line once to a file that several fields or sites name', async () => {
    const same = at('same');
    const one = new SiteLogs({ files, logOutput: same, logError: same, logAll: same });
    const other = new SiteLogs({ files, logOutput: path.join(directory, '.', 'same') });
    assert.equal(files.stats().length, 1);
    const first = fakeWorker();
    const second = fakeWorker();
    one.attach(first);
    other.attach(second);
    first.stdout.end('1 out\n');
    first.stderr.end('1 err\n');
    second.stdout.write('2 out\n');
    second.stderr.write('2 err\n');
    await Promise.all([once(first.stdout, 'close'), once(first.stderr, 'close')]);
    await one.close();
    second.stdout.end('2 after the other closed\n');
    await once(second.stdout, 'close');
    await other.close();
    assert.deepEqual(read('same').split('\n').toSorted(), [
      '',
      '1 err',
      '1 out',
      '2 after the other closed',
      '2 out',
    ]);
    assert.deepEqual(files.stats(), []);
  });

  void it('reads a worker’s streams although there is no file, so that the worker never blocks', async () => {
    for (const options of [
      {},
      { logError: '/dev/full' },
      { logOutput: '/dev/full', logAll: '/proc/none/x' },
    ]) {
      const logs = new SiteLogs({ files, ...options });
      const worker = run(`for (let i = 0; i < 2000; i++) process.stdout.write('x'.repeat(1023) + '\\n')`);
      logs.attach(worker);
      const [code]: unknown[] = await once(worker, 'close');
      assert.equal(code, 0);
      await logs.close();
    }
  });

  void it('reads on after it was closed', async () => {
    const logs = new SiteLogs({ files, logOutput: at('out') });
    const worker = run(
      `process.stdout.write('first\\n'); process.stdin.once('data', () => process.stdout.write('x'.repeat(2e6)))`,
    );
    logs.attach(worker);
    await once(worker.stdout, 'data');
    await logs.close();
    worker.stdin.end('go on');
    assert.deepEqual(await once(worker, 'close'), [0, null]);
    assert.equal(read('out'), 'first\n');
  });

  void it('gives lines without a file to the callback, one by one', async () => {
    const got: [LogStream, string][] = [];
    const onLine: SiteLogsOptions['onLine'] = (stream, line) => got.push([stream, line]);
    const logs = new SiteLogs({ files, logError: at('err'), onLine });
    const worker = fakeWorker();
    logs.attach(worker);
    worker.stdout.write('one\n\ntw');
    worker.stderr.end('to the file\n');
    worker.stdout.end('o');
    await Promise.all([once(worker.stdout, 'close'), once(worker.stderr, 'close')]);
    await logs.close();
    assert.deepEqual(got, [
      ['stdout', 'one'],
      ['stdout', ''],
      ['stdout', 'two'],
    ]);
    assert.equal(read('err'), 'to the file\n');
  });

  void it('cuts lines that are too long', async () => {
    const logs = new SiteLogs({ files, logAll: at('all') });
    const worker = fakeWorker();
    logs.attach(worker);
    worker.stdout.end('x'.repeat(70_000));
    await once(worker.stdout, 'close');
    await logs.close();
    assert.deepEqual(
      read('all')
        .split('\n')
        .map((line) => line.length),
      [65_536, 4_464, 0],
    );
  });

  void it('survives a stream that fails', async () => {
    const logs = new SiteLogs({ files, logAll: at('all') });
    const worker = fakeWorker();
    logs.attach(worker);
    logs.attach({ stdout: null, stderr: null });
    const arrived = once(worker.stdout, 'data');
    worker.stdout.write('before\nunfinished');
    await arrived;
    const closed = new Promise((resolve) => worker.stdout.once('close', resolve));
    worker.stdout.destroy(new Error('EIO'));
    await closed;
    await logs.close();
    assert.equal(read('all'), 'before\nunfinished\n');
  });

  void it('goes on in new files after a rotation', async () => {
    const logs = new SiteLogs({ files, logOutput: at('out') });
    const worker = fakeWorker();
    logs.attach(worker);
    const [log] = files.stats();
    assert.ok(log !== undefined);
    const arrived = once(worker.stdout, 'data');
    worker.stdout.write('old\n');
    await arrived;
    files.flushSync();
    renameSync(at('out'), at('out.1'));
    logs.reopen();
    worker.stdout.end('new\n');
    await once(worker.stdout, 'close');
    await logs.close();
    assert.equal(read('out.1') + read('out'), 'old\nnew\n');
    assert.ok(read('out').endsWith('new\n'));
  });

  void it('closes its files with the last worker when it is retired', async () => {
    const logs = new SiteLogs({ files, logOutput: at('out') });
    const worker = fakeWorker();
    logs.attach(worker);
    logs.retire();
    assert.equal(files.stats().length, 1);
    worker.stdout.end('last words\n');
    worker.stderr.end();
    await Promise.all([once(worker.stdout, 'close'), once(worker.stderr, 'close')]);
    await logs.close();
    assert.deepEqual(files.stats(), []);
    assert.equal(read('out'), 'last words\n');
    const unused = new SiteLogs({ files, logOutput: at('unused') });
    unused.retire();
    assert.deepEqual(files.stats(), []);
    await unused.close();
  });
});

/** Writes 100 lines of the letter, each in three pieces. */
function pieces(id: string): string {
  return `
      (async () => {
        for (let line = 0; line < 100; line++) {
          for (let piece = 0; piece < 3; piece++) {
            (line % 2 ? process.stdout : process.stderr).write('${id}'.repeat(30 + line));
            await new Promise(setImmediate);
          }
          (line % 2 ? process.stdout : process.stderr).write('\\n');
        }
      })()`;
}

function at(name: string): string {
  return path.join(directory, name);
}

function read(name: string): string {
  return readFileSync(at(name), 'utf8');
}

function run(script: string): ChildProcessByStdio<Writable, Readable, Readable> {
  return spawn(process.execPath, ['-e', script], { stdio: ['pipe', 'pipe', 'pipe'] });
}

function fakeWorker(): { stdout: PassThrough; stderr: PassThrough } {
  return { stdout: new PassThrough(), stderr: new PassThrough() };
}
