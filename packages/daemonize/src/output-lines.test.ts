import assert from 'node:assert/strict';
import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { describe, it } from 'node:test';
import { LastLines, readLines } from './output-lines.js';

void describe('readLines', () => {
  void it('makes lines of chunks, also of the last one, and keeps characters whole', async () => {
    assert.deepEqual(await linesOf([Buffer.from('a\nb'), Buffer.from('c\r\n\n'), Buffer.from('d')]), [
      'a',
      'bc',
      '',
      'd',
    ]);
    const euro = Buffer.from('€\n');
    assert.deepEqual(await linesOf([euro.subarray(0, 1), euro.subarray(1)]), ['€']);
  });

  void it('holds no more than a part of an endless line', async () => {
    const lines = await linesOf(Array.from({ length: 10 }, () => Buffer.alloc(50_000, 'x')));
    assert.ok(lines.every((line) => line.length <= 65_536));
    assert.equal(lines.join('').length, 500_000);
  });
});

void describe('LastLines', () => {
  void it('keeps the last twenty, cut where they are long', () => {
    const kept = new LastLines();
    for (let count = 1; count <= 30; count++) kept.add(String(count));
    kept.add('x'.repeat(5_000));
    assert.equal(kept.get().length, 20);
    assert.equal(kept.get()[0], '12');
    assert.equal(kept.get().at(-1)?.length, 1_001);
  });
});

async function linesOf(chunks: Buffer[]): Promise<string[]> {
  const stream = new PassThrough();
  const lines: string[] = [];
  readLines(stream, (line) => lines.push(line));
  for (const chunk of chunks) stream.write(chunk);
  stream.end();
  await once(stream, 'end');
  return lines;
}
