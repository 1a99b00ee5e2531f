import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  constants,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { realOs } from '@vhostd/supervisor';
import type { Os } from '@vhostd/supervisor';
import { LogFile } from './log-file.js';
import { until } from './until.test.kit.js';

let directory: string;
let file: string;
const quick = { retryMs: [5, 20], deletedCheckMs: 0 } as const;
beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'vhostd-log-'));
  file = path.join(directory, 'a', 'b', 'app.log');
});
afterEach(() => rmSync(directory, { recursive: true }));

void describe('LogFile', () => {
  void it('creates the directories and appends in order', async () => {
    for (const run of [1, 2]) {
      const log = new LogFile(file);
      for (let line = 0; line < 1_000; line++) assert.equal(log.write(`${run} ${line}\n`), true);
      await log.close();
      assert.deepEqual(log.stats, {
        writtenBytes: statSync(file).size / run,
        lostBytes: 0,
        lostLines: 0,
        queuedBytes: 0,
        fault: null,
        reason: null,
      });
    }
    const expected = [1, 2].flatMap((run) => Array.from({ length: 1_000 }, (_, line) => `${run} ${line}\n`));
    assert.equal(readFileSync(file, 'utf8'), expected.join(''));
    assert.equal(statSync(file).mode & 0o777 & ~0o640, 0);
  });

  void it('opens its file before anything is written, and again on reopen', async () => {
    const log = new LogFile(file);
    await until(() => isFile(file));
    renameSync(file, `${file}.1`);
    log.write('to the renamed file\n');
    await until(() => log.stats.queuedBytes === 0);
    assert.equal(readFileSync(`${file}.1`, 'utf8'), 'to the renamed file\n');
    log.reopen();
    await until(() => isFile(file));
    log.write('to the new file\n');
    await log.close();
    assert.equal(readFileSync(file, 'utf8'), 'to the new file\n');
    assert.equal(readFileSync(`${file}.1`, 'utf8'), 'to the renamed file\n');
  });

  void it('loses no line and cuts none when it is rotated while it is written', async () => {
    const log = new LogFile(file);
    await until(() => isFile(file));
    for (let rotation = 0; rotation < 20; rotation++) {
      for (let line = 0; line < 500; line++) log.write(`${rotation * 500 + line} ${'x'.repeat(100)}\n`);
      renameSync(file, `${file}.${rotation}`);
      log.reopen();
      await until(() => isFile(file));
    }
    await log.close();
    const lines = readdirSync(path.dirname(file)).flatMap((name) =>
      readFileSync(path.join(path.dirname(file), name), 'utf8')
        .split('\n')
        .filter(Boolean),
    );
    for (const line of lines) assert.match(line, /^\d+ x{100}$/u);
    const numbers = lines.map((line) => Number(line.split(' ')[0])).toSorted((a, b) => a - b);
    assert.deepEqual(
      numbers,
      Array.from({ length: 10_000 }, (_, at) => at),
    );
  });

  void it('keeps within its bounds: full files are renamed, the oldest ones go, lines stay whole', async () => {
    const log = new LogFile(file, { rotation: { maxBytes: 10_000, keepCount: 3 } });
    for (let line = 0; line < 1_000; line++) {
      log.writePaced(Buffer.from(`${String(line).padStart(98, '.')}|\n`));
      if (line % 20 === 0) await until(() => log.stats.queuedBytes === 0);
    }
    await log.close();
    const names = readdirSync(path.dirname(file)).toSorted();
    assert.deepEqual(names, ['app.log', 'app.log.1', 'app.log.2', 'app.log.3']);
    const texts = names.toReversed().map((name) => readFileSync(path.join(path.dirname(file), name), 'utf8'));
    for (const text of texts) assert.ok(text.length <= 10_000, String(text.length));
    const lines = texts.join('').split('\n');
    assert.equal(lines.pop(), '');
    assert.deepEqual(
      lines.map((line) => Number(line.slice(0, -1).replaceAll('.', ''))),
      Array.from({ length: lines.length }, (_, index) => 1_000 - lines.length + index),
    );
    assert.ok(lines.length >= 300, String(lines.length));
  });

  void it('goes on in a new file with the first line of another interval, and knows across a restart when it wrote', async () => {
    const rotation = { maxBytes: 10_000, keepCount: 2, intervalMs: 86_400_000 };
    const first = new LogFile(file, { rotation });
    first.write('one\n');
    first.write('two\n');
    await first.close();
    const yesterday = new Date(Date.now() - 86_400_000);
    utimesSync(file, yesterday, yesterday);
    const second = new LogFile(file, { rotation });
    second.write('three\n');
    await second.close();
    assert.deepEqual(
      [`${file}.1`, file].map((name) => readFileSync(name, 'utf8')),
      ['one\ntwo\n', 'three\n'],
    );
  });

  void it('is rotated by its interval though nothing is written, and then not again; what is too old goes', async () => {
    const timers: { callback: () => void; delayMs: number }[] = [];
    const setTimer = (callback: () => void, delayMs: number) => {
      const timer = { callback, delayMs };
      timers.push(timer);
      return { cancel: () => void timers.splice(timers.indexOf(timer), 1) };
    };
    const dayMs = 86_400_000;
    const rotation = { maxBytes: 10_000, keepCount: 2, intervalMs: dayMs, maxAgeMs: 10 * dayMs };
    const before = new LogFile(file);
    before.write('silent since\n');
    await before.close();
    const yesterday = new Date(Date.now() - dayMs);
    utimesSync(file, yesterday, yesterday);
    const log = new LogFile(file, { rotation, os: { now: () => performance.now(), setTimer } });
    const look = (): void => {
      const [timer = assert.fail('it will not look')] = timers.splice(0, 1);
      assert.equal(timer.delayMs, 300_000);
      timer.callback();
    };
    // It is opened by then, and asked again where it was not.
    while (!isFile(`${file}.1`)) {
      look();
      await new Promise((resolve) => setImmediate(resolve));
    }
    await until(() => isFile(file));
    writeFileSync(`${file}.2`, 'old');
    utimesSync(`${file}.2`, 1_000, 1_000);
    look();
    await until(() => !isFile(`${file}.2`));
    log.write('today\n');
    await log.close();
    assert.deepEqual(
      [`${file}.1`, file].map((name) => readFileSync(name, 'utf8')),
      ['silent since\n', 'today\n'],
    );
    assert.deepEqual(timers, []);
  });

  void it('two that write to one path rotate it in turn, and lose nothing', async () => {
    const rotation = { maxBytes: 5_000, keepCount: 100 };
    const logs = ['a', 'b'].map(() => new LogFile(file, { rotation }));
    for (let line = 0; line < 500; line++) {
      for (const log of logs) log.write(`${'x'.repeat(99)}\n`);
      if (line % 10 === 0) await until(() => logs.every((log) => log.stats.queuedBytes === 0));
    }
    await Promise.all(logs.map((log) => log.close()));
    const sizes = readdirSync(path.dirname(file)).map(
      (name) => statSync(path.join(path.dirname(file), name)).size,
    );
    assert.equal(
      sizes.reduce((sum, size) => sum + size, 0),
      100_000,
    );
  });

  void it('has room while it can be written, and lets nobody wait while it cannot', async () => {
    const told: string[] = [];
    const log = new LogFile(file, { maxQueueBytes: 1_000, onFault: (code) => told.push(code) });
    assert.equal(log.room, undefined);
    log.writePaced(Buffer.from(`${'x'.repeat(5_000)}\n`));
    await roomOf(log);
    await until(() => log.stats.queuedBytes === 0);
    assert.equal(log.stats.lostBytes, 0);
    await log.close();
    const full = new LogFile('/dev/full', {
      ...quick,
      maxQueueBytes: 1_000,
      onFault: (code) => told.push(code),
    });
    full.writePaced(Buffer.from(`${'x'.repeat(899)}\n`));
    await roomOf(full);
    await until(() => full.stats.fault === 'ENOSPC');
    assert.equal(full.room, undefined);
    full.writePaced(Buffer.from(`${'x'.repeat(899)}\n`));
    assert.equal(full.stats.lostLines, 1);
    await full.close();
    assert.deepEqual(told, ['ENOSPC']);
  });

  void it('creates its directory anew when that was removed', async () => {
    const log = new LogFile(file, quick);
    log.write('before\n');
    await until(() => isFile(file) && log.stats.queuedBytes === 0);
    rmSync(path.join(directory, 'a'), { recursive: true });
    log.write('after\n');
    await until(() => log.stats.queuedBytes === 0);
    assert.equal(readFileSync(file, 'utf8'), 'after\n');
    unlinkSync(file);
    log.reopen();
    await until(() => isFile(file));
    await log.close();
  });

  void it('goes on when what was in the way is gone', async () => {
    writeFileSync(path.join(directory, 'a'), 'in the way');
    const log = new LogFile(file, quick);
    log.write('waits\n');
    await until(() => log.stats.fault === 'ENOTDIR');
    assert.equal(log.stats.queuedBytes, 6);
    rmSync(path.join(directory, 'a'));
    await until(() => log.stats.queuedBytes === 0);
    assert.equal(log.stats.fault, null);
    assert.equal(readFileSync(file, 'utf8'), 'waits\n');
    await log.close();
  });

  void it('tries a directory that can never take it again and again, without blocking', async () => {
    const log = new LogFile('/proc/vhostd/logs/app.log', quick);
    await until(() => log.stats.fault === 'ENOENT');
    log.write('lost\n');
    await log.close();
    assert.equal(log.stats.lostLines, 1);
  });

  void it('keeps to its bound on a full disk, counts what is lost, and closes without delay', async () => {
    const log = new LogFile('/dev/full', { ...quick, maxQueueBytes: 10_000 });
    let taken = 0;
    for (let line = 0; line < 1_000; line++) if (log.write(`${'x'.repeat(99)}\n`)) taken++;
    assert.equal(taken, 100);
    await until(() => log.stats.fault === 'ENOSPC');
    assert.deepEqual(log.stats, {
      writtenBytes: 0,
      lostBytes: 90_000,
      lostLines: 900,
      queuedBytes: 10_000,
      fault: 'ENOSPC',
      reason: 'ENOSPC: no space left on device, write',
    });
    await log.close(60_000);
    assert.deepEqual(log.stats, {
      writtenBytes: 0,
      lostBytes: 100_000,
      lostLines: 1_000,
      queuedBytes: 0,
      fault: 'ENOSPC',
      reason: 'ENOSPC: no space left on device, write',
    });
    assert.equal(log.write('late\n'), false);
    assert.equal(log.stats.lostLines, 1_001);
  });

  void it('waits for the reader of a named pipe without holding a thread', async () => {
    const pipe = path.join(directory, 'pipe');
    assert.equal(spawnSync('mkfifo', [pipe]).status, 0);
    const logs = Array.from({ length: 8 }, () => new LogFile(pipe, quick));
    for (const log of logs) log.write('through the pipe\n');
    await until(() => logs.every((log) => log.stats.fault === 'ENXIO'));
    const reader = spawn('cat', [pipe], { stdio: ['ignore', 'pipe', 'inherit'] });
    let read = '';
    reader.stdout.on('data', (chunk) => (read += String(chunk)));
    await until(() => logs.every((log) => log.stats.queuedBytes === 0));
    const ended = once(reader, 'close');
    await Promise.all(logs.map((log) => log.close()));
    await ended;
    assert.equal(read, 'through the pipe\n'.repeat(8));
  });

  void it('takes a named pipe that is full for a slow one at first, and loses nothing', async () => {
    const pipe = path.join(directory, 'pipe');
    assert.equal(spawnSync('mkfifo', [pipe]).status, 0);
    const reader = openSync(pipe, constants.O_RDWR | constants.O_NONBLOCK);
    let nowMs = 0;
    let waits = 0;
    const setTimer: Os['setTimer'] = (...timer) => {
      waits++;
      return realOs.setTimer(...timer);
    };
    const faults: string[] = [];
    const log = new LogFile(pipe, {
      ...quick,
      maxQueueBytes: 100_000,
      onFault: (fault) => faults.push(fault),
      os: { now: () => nowMs, setTimer },
    });
    const all = Buffer.from(`${'x'.repeat(99)}\n`.repeat(5_000));
    log.writePaced(all);
    await until(() => waits > 2);
    assert.notEqual(log.room, undefined);
    const got: Buffer[] = [];
    const readSome = (): number => {
      const chunk = Buffer.alloc(65_536);
      const bytes = log.stats.queuedBytes + sizeOf(got) < all.length ? readSync(reader, chunk) : 0;
      got.push(chunk.subarray(0, bytes));
      return sizeOf(got);
    };
    await until(() => readSome() === all.length);
    assert.ok(Buffer.concat(got).equals(all));
    assert.deepEqual([faults, log.stats.lostLines, log.stats.fault], [[], 0, null]);

    log.writePaced(all);
    const before = waits;
    await until(() => waits > before + 2);
    nowMs = 1_001;
    await until(() => log.stats.fault === 'EAGAIN');
    assert.equal(log.room, undefined);
    await log.close();
    closeSync(reader);
  });

  void it('writes what waits before it returns from flushSync, whatever is under way', async () => {
    const log = new LogFile(file);
    log.write('before it is open\n');
    mkdirSync(path.dirname(file), { recursive: true });
    log.flushSync();
    assert.equal(readFileSync(file, 'utf8'), 'before it is open\n');
    await until(() => log.stats.queuedBytes === 0);
    let expected = 18;
    for (let round = 0; round < 50; round++) {
      log.write(`${'x'.repeat(999)}\n`);
      await Promise.resolve();
      log.write(`${'y'.repeat(99)}\n`);
      log.flushSync();
      expected += 1_100;
    }
    await log.close();
    assert.equal(statSync(file).size, expected);
    assert.equal(log.stats.writtenBytes, expected);
    for (const line of readFileSync(file, 'utf8').split('\n'))
      assert.match(line, /^(x{999}|y{99}|before it is open|)$/u);
  });

  void it('keeps what flushSync cannot write', async () => {
    const log = new LogFile('/dev/full', quick);
    log.write('kept\n');
    log.flushSync();
    assert.equal(log.stats.queuedBytes, 5);
    await log.close();
    assert.equal(log.stats.lostLines, 1);
  });

  void it(
    'resumes when a full disk has room again, and tells what was lost',
    { skip: cannotMount() },
    async () => {
      const script = fileURLToPath(new URL('log-file.test.child.js', import.meta.url));
      const mount = 'mount -t tmpfs -o size=64k none "$1" && exec "$2" "$3" "$1"';
      const child = spawn('unshare', ['-m', 'sh', '-c', mount, 'sh', directory, process.execPath, script], {
        stdio: ['ignore', 'inherit', 'inherit'],
      });
      const [code]: unknown[] = await once(child, 'exit');
      assert.equal(code, 0);
    },
  );
});

function roomOf(log: LogFile): Promise<void> {
  return log.room ?? assert.fail('it has room');
}

function isFile(at: string): boolean {
  return statSync(at, { throwIfNoEntry: false })?.isFile() ?? false;
}

function cannotMount(): string | false {
  const tried = spawnSync('unshare', ['-m', 'mount', '-t', 'tmpfs', '-o', 'size=64k', 'none', tmpdir()]);
  return tried.status === 0 ? false : 'needs the right to mount a small tmpfs in a namespace of its own';
}

function sizeOf(chunks: readonly Buffer[]): number {
  return chunks.reduce((bytes, chunk) => bytes + chunk.length, 0);
}
