import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PassThrough } from 'node:stream';
import type { Readable, Writable } from 'node:stream';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { LogFiles } from './log-files.js';
import { SiteLogs } from './site-logs.js';
import { SiteOutput } from './site-output.js';
import type { PrintingWorker } from './site-logs.js';
import { until } from './until.test.kit.js';

let directory: string;
let files: LogFiles;
beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'vhostd-site-'));
  files = new LogFiles();
});
afterEach(() => rmSync(directory, { recursive: true }));

void describe('SiteLogs', () => {
  void it('sends standard output and error to their files, and both to the file for all', async () => {
    const logs = new SiteLogs({
      siteId: 'shop',
      files,
      logOutput: at('out'),
      logError: at('err'),
      logAll: at('all'),
    });
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
        ['all', 0],
        ['err', 0],
      ],
    );
  });

  void it('writes lines with time, stream and worker, or as objects, where the conf wants it', async () => {
    for (const [logFormat, pattern] of [
      ['prefix', /^\d{4}-\S+Z out shop\/1 say "hi"\n$/],
      ['json', /^\{"time":"\S+Z","stream":"stdout","workerId":"shop\/1","line":"say \\"hi\\""\}\n$/],
    ] as const) {
      const logs = new SiteLogs({
        siteId: 'shop',
        logOutput: at(`${logFormat}.log`),
        logFormat,
        files: new LogFiles(),
      });
      const worker = fakeWorker();
      logs.attach(worker);
      worker.stdout.end('say "hi"\n');
      worker.stderr.end();
      await logs.close();
      assert.match(read(`${logFormat}.log`), pattern);
    }
  });

  void it('keeps the files of the conf within bounds, except those in directories of another user', async () => {
    const logRotate = { maxBytes: 10, keepCount: 1 };
    const user = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
    for (const [name, owner] of [
      ['own', undefined],
      ['foreign', user],
    ] as const) {
      const logs = new SiteLogs({
        siteId: 'shop',
        logAll: at(`${name}.log`),
        logRotate,
        user: owner,
        files: new LogFiles(),
      });
      const worker = fakeWorker();
      logs.attach(worker);
      worker.stdout.write('123456789\n');
      await until(() => logs.stats.every(({ writtenBytes }) => writtenBytes === 10));
      worker.stdout.end('next\n');
      worker.stderr.end();
      await logs.close();
    }
    assert.deepEqual([read('own.log'), read('own.log.1')], ['next\n', '123456789\n']);
    assert.equal(read('foreign.log'), '123456789\nnext\n');
  });

  void it('never mixes lines of several workers, although each writes them in pieces', async () => {
    const logs = new SiteLogs({ siteId: 'shop', files, logAll: at('all') });
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
    const one = new SiteLogs({ siteId: 'shop', files, logOutput: same, logError: same, logAll: same });
    const other = new SiteLogs({ siteId: 'shop', files, logOutput: path.join(directory, '.', 'same') });
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
      const logs = new SiteLogs({ siteId: 'shop', files, ...options });
      const worker = run(`for (let i = 0; i < 2000; i++) process.stdout.write('x'.repeat(1023) + '\\n')`);
      logs.attach(worker);
      const [code]: unknown[] = await once(worker, 'close');
      assert.equal(code, 0);
      await logs.close();
    }
  });

  void it('reads on after it was closed', async () => {
    const logs = new SiteLogs({ siteId: 'shop', files, logOutput: at('out') });
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

  void it('writes what has no file of the conf to the default log, with time, stream and worker', async () => {
    const output = new SiteOutput({ stateDir: directory });
    const logs = new SiteLogs({ siteId: 'shop', files, logError: at('err'), output });
    const other = new SiteLogs({ siteId: 'blog', files, output });
    const worker = fakeWorker();
    const second = fakeWorker('blog/2');
    logs.attach(worker);
    other.attach(second);
    worker.stdout.write('one\n\ntw');
    worker.stderr.end('to the file\n');
    worker.stdout.end('o');
    second.stdout.end();
    second.stderr.end('trouble\n');
    await Promise.all([logs.close(), other.close()]);
    const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z /gmu;
    assert.equal(read('log/shop.log').match(time)?.length, 3);
    assert.equal(read('log/shop.log').replace(time, ''), 'out shop/1 one\nout shop/1 \nout shop/1 two\n');
    assert.equal(read('log/blog.log').replace(time, ''), 'err blog/2 trouble\n');
    assert.equal(read('err'), 'to the file\n');
    assert.equal(statSync(at('log')).mode & 0o777, 0o700);
    assert.equal(statSync(at('log/shop.log')).mode & 0o777, 0o600);
  });

  void it('keeps every line of a worker that prints far faster than it can be written', async () => {
    const logs = new SiteLogs({ siteId: 'shop', files, logAll: at('all') });
    const workers = ['a', 'b'].map((id) =>
      run(`for (let i = 0; i < 60000; i++) console.log('${id} ' + i + ' '.repeat(60))`),
    );
    for (const worker of workers) logs.attach(worker);
    await Promise.all(workers.map((worker) => once(worker, 'close')));
    await logs.close();
    assert.equal(logs.stats[0]?.lostLines, 0);
    const lines = read('all').split('\n');
    for (const id of ['a', 'b']) {
      const own = lines.filter((line) => line.startsWith(id)).map((line) => Number(line.slice(2)));
      assert.deepEqual(
        own,
        Array.from({ length: 60_000 }, (_, index) => index),
      );
    }
  });

  void it('is closed when all has arrived that a worker wrote before it ended', async () => {
    const logs = new SiteLogs({ siteId: 'shop', files, logAll: at('all') });
    const worker = run(`process.stdout.write('x'.repeat(59_999) + '\\n'); process.exitCode = 1;`);
    logs.attach(worker);
    await once(worker, 'exit');
    await logs.close();
    assert.equal(read('all').length, 60_000);
  });

  void it('cuts lines that are too long', async () => {
    const logs = new SiteLogs({ siteId: 'shop', files, logAll: at('all') });
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
    const logs = new SiteLogs({ siteId: 'shop', files, logAll: at('all') });
    const worker = fakeWorker();
    logs.attach(worker);
    logs.attach({ ...worker, stdout: null, stderr: null });
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
    const logs = new SiteLogs({ siteId: 'shop', files, logOutput: at('out') });
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
    const logs = new SiteLogs({ siteId: 'shop', files, logOutput: at('out') });
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
    const unused = new SiteLogs({ siteId: 'shop', files, logOutput: at('unused') });
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

function run(script: string): ChildProcessByStdio<Writable, Readable, Readable> & PrintingWorker {
  const child = spawn(process.execPath, ['-e', script], { stdio: ['pipe', 'pipe', 'pipe'] });
  return Object.assign(child, { identity: { workerId: 'shop/1' } });
}

function fakeWorker(workerId = 'shop/1'): PrintingWorker & { stdout: PassThrough; stderr: PassThrough } {
  return { stdout: new PassThrough(), stderr: new PassThrough(), identity: { workerId } };
}
