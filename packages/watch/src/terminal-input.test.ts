// `rs` restarts, other lines are the program's, and neither is lost in the middle of a chunk.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { TerminalInput } from './terminal-input.js';

class Bench {
  readonly typed = new PassThrough();
  readonly program = new PassThrough();
  restarts = 0;
  readonly input: TerminalInput = new TerminalInput({
    input: this.typed,
    onRestart: () => (this.restarts += 1),
  });

  /** Resolves when it was read. */
  async type(chunk: string): Promise<void> {
    const read = once(this.typed, 'data');
    this.typed.write(chunk);
    await read;
  }
}

void test('rs and Enter restart, in any pieces, and the program does not see them', async () => {
  const bench = new Bench();
  bench.input.give(bench.program);
  bench.input.open();
  for (const chunk of ['rs\n', 'r', 's', '\n', 'rs\r\n', 'one\nrs\ntwo\n', 'rsync\n', 'r', 'm\n']) {
    await bench.type(chunk);
  }
  assert.equal(bench.restarts, 4);
  bench.program.end();
  assert.equal(await textOf(bench.program), 'one\ntwo\nrsync\nrm\n');
});

void test('what has no end of line yet is given at once, and the end of input is passed on', async () => {
  const bench = new Bench();
  bench.input.give(bench.program);
  bench.input.open();
  await bench.type('password? ');
  assert.equal(String(bench.program.read()), 'password? ');
  bench.typed.end('r');
  assert.equal(await textOf(bench.program), 'r');
  const next = new PassThrough();
  bench.input.give(next);
  assert.equal(next.writableEnded, true);
});

void test('a program that does not read stops the reading, and its successor begins it again', async () => {
  const bench = new Bench();
  bench.input.give(new PassThrough({ highWaterMark: 16 }));
  bench.input.open();
  await bench.type('a line that is longer than the program takes\n');
  assert.equal(bench.typed.isPaused(), true);
  bench.typed.write('rs\n');
  assert.equal(bench.restarts, 0);
  const read = once(bench.typed, 'data');
  bench.input.give(new PassThrough());
  await read;
  assert.equal(bench.restarts, 1);
});

void test('a program that reads slowly gets all of it', async () => {
  const bench = new Bench();
  const program = new PassThrough({ highWaterMark: 16 });
  bench.input.give(program);
  bench.input.open();
  const lines = Array.from({ length: 100 }, (_, index) => `line ${index}\n`);
  for (const line of lines) bench.typed.write(line);
  bench.typed.end();
  assert.equal(await textOf(program), lines.join(''));
});

void test('nothing is read once it is closed', async () => {
  const bench = new Bench();
  bench.input.open();
  bench.input.close();
  bench.typed.resume();
  await bench.type('rs\n');
  assert.equal(bench.restarts, 0);
});

async function textOf(stream: PassThrough): Promise<string> {
  let text = '';
  for await (const chunk of stream) text += String(chunk);
  return text;
}
