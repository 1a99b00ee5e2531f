import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LineQueue } from './line-queue.js';
import type { Loss } from './line-queue.js';

const notice = ({ bytes, lines }: Loss): string => `lost ${lines}/${bytes}\n`;

void describe('LineQueue', () => {
  void it('gives what went in, in order, however it is taken off', () => {
    const text = ['one\n', 'two\nthree\n', 'four\n'];
    for (let size = 1; size <= 20; size++) {
      const queue = new LineQueue(1_000, notice);
      for (const item of text) assert.equal(queue.push(Buffer.from(item)), true);
      let written = '';
      for (let next = queue.peek(); next !== undefined; next = queue.peek()) {
        const part = next.subarray(0, size);
        written += part.toString();
        queue.advance(part.length);
        assert.equal(queue.midLine, !written.endsWith('\n'));
      }
      assert.equal(written, text.join(''));
      assert.equal(queue.bytes, 0);
    }
  });

  void it('has a copy of what went in, however its memory is used again', () => {
    const queue = new LineQueue(10_000_000, notice);
    const [text, memory] = ['a line\n'.repeat(3000), Buffer.alloc(21_000)];
    for (let count = 0; count < 50; count++) {
      memory.write(text);
      queue.push(memory);
      memory.fill(0);
      if (count % 2 === 1) continue;
      assert.equal(queue.peek()?.toString('utf8', 0, 21_000), text);
      queue.advance(21_000);
    }
    for (let next = queue.peek(); next !== undefined; next = queue.peek()) {
      assert.equal(next.toString(), text.repeat(next.length / 21_000));
      queue.advance(next.length);
    }
  });

  void it('loses what has no room, and tells so before the first line that has', () => {
    const queue = new LineQueue(10, notice);
    assert.equal(queue.push(Buffer.from('12345678\n')), true);
    assert.equal(queue.push(Buffer.from('ab\n')), false);
    assert.equal(queue.push(Buffer.from('c\nd\n')), false);
    assert.deepEqual(queue.lost, { bytes: 7, lines: 3 });
    queue.advance(9);
    assert.equal(queue.push(Buffer.from('e\n')), true);
    assert.equal(queue.peek()?.toString(), 'lost 3/7\ne\n');
    queue.advance(11);
    queue.reportLoss();
    assert.equal(queue.peek(), undefined, 'a loss is told once');
    assert.deepEqual(queue.lost, { bytes: 7, lines: 3 });
  });

  void it('loses the rest of a line, and only of a line that was begun', () => {
    const queue = new LineQueue(1_000, notice);
    queue.push(Buffer.from('first\nsecond\n'));
    queue.loseRestOfLine();
    assert.equal(queue.bytes, 13);
    queue.advance(3);
    queue.loseRestOfLine();
    assert.equal(queue.peek()?.toString(), 'second\n');
    assert.deepEqual(queue.lost, { bytes: 3, lines: 1 });
    queue.loseRestOfLine();
    assert.equal(queue.bytes, 7);
    queue.loseAll();
    assert.deepEqual(queue.lost, { bytes: 10, lines: 2 });
    assert.equal(queue.bytes, 0);
  });

  void it('gives what lies behind a write that is under way, and takes it back', () => {
    const queue = new LineQueue(1_000, notice);
    queue.push(Buffer.from('one\n'));
    queue.push(Buffer.from('two\n'));
    const behind = queue.takeBehind(2);
    assert.equal(behind.toString(), 'e\ntwo\n');
    assert.equal(queue.peek()?.toString(), 'on');
    queue.putBack(behind);
    queue.advance(2);
    assert.equal(queue.takeBehind(0).toString(), 'e\ntwo\n');
    assert.equal(queue.bytes, 0);
    assert.equal(queue.takeBehind(0).length, 0);
  });
});
