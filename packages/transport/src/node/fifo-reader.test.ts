import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { closeSync } from 'node:fs';
import { once } from 'node:events';
import { test } from 'node:test';
import { FifoReader } from './fifo-reader.js';
import { Fifos } from './fifo.js';

/** A process that prints into a FIFO, which is read. */
function print(code: string): { reader: FifoReader; ended: Promise<unknown> } {
  const fifos = new Fifos();
  const { readFd, writeFd } = fifos.take();
  const child = spawn(process.execPath, ['-e', code], { stdio: ['ignore', writeFd, 'ignore'] });
  closeSync(writeFd);
  fifos.close();
  return { reader: new FifoReader(readFd), ended: once(child, 'exit') };
}

void test('all that a process writes line by line is read in order, with far fewer reads than lines', async () => {
  const write = `require('node:fs').writeSync(1, i + '.'.repeat(50) + '\\n')`;
  const { reader } = print(`for (let i = 0; i < 20000; i++) ${write}`);
  let reads = 0;
  let text = '';
  reader.on('data', (chunk: Buffer) => {
    reads += 1;
    text += chunk.toString();
  });
  await once(reader, 'close');
  assert.deepEqual(
    text.split('\n').map((line) => line.replaceAll('.', '')),
    [...Array.from({ length: 20_000 }, (_, index) => String(index)), ''],
  );
  assert.ok(reads < 10_000, `${reads} reads`);
});

void test('a reader that pauses holds the process up, and loses nothing', async () => {
  const { reader, ended } = print(`require('node:fs').writeSync(1, 'x'.repeat(1e6)); process.exit(0)`);
  let bytes = 0;
  reader.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    reader.pause();
    setImmediate(() => reader.resume());
  });
  await Promise.all([ended, once(reader, 'close')]);
  assert.equal(bytes, 1_000_000);
});

void test('what was printed before the end is read after it', async () => {
  const { reader, ended } = print(`process.stdout.write('x'.repeat(60000))`);
  await ended;
  let bytes = 0;
  reader.on('data', (chunk: Buffer) => (bytes += chunk.length));
  await once(reader, 'close');
  assert.equal(bytes, 60_000);
});

void test('one that is destroyed closes, although somebody may write still', async () => {
  const { reader, ended } = print(`setInterval(() => process.stdout.write('x'), 1)`);
  reader.resume();
  await once(reader, 'data');
  reader.destroy();
  await once(reader, 'close');
  // The next write finds no reader.
  await ended;
});
