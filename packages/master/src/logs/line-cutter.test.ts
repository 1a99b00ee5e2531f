import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LineCutter } from './line-cutter.js';

function cut(text: string, maxLineBytes: number, pieceBytes: number): string {
  const bytes = Buffer.from(text);
  const cutter = new LineCutter(maxLineBytes);
  let result = '';
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    cutter.push(bytes.subarray(at, at + pieceBytes), (lines) => {
      assert.ok(lines.at(-1) === 0x0a, 'only whole lines come out');
      result += lines.toString();
    });
  }
  cutter.end((last) => (result += last.toString()));
  return result;
}

void describe('LineCutter', () => {
  void it('gives the same lines however they arrive', () => {
    const text = 'one\n\ntwö €uro\nthe last has no newline';
    for (let size = 1; size <= 50; size++) assert.equal(cut(text, 100, size), `${text}\n`);
    assert.equal(cut('', 100, 1), '');
    assert.equal(cut('\n', 100, 1), '\n');
  });

  void it('cuts a line that is too long, and loses nothing of it', () => {
    for (let size = 1; size <= 40; size++) {
      assert.equal(
        cut('12345\n123456\n12345678901\nx\n1234567', 5, size),
        '12345\n12345\n6\n12345\n67890\n1\nx\n12345\n67\n',
      );
    }
  });

  void it('cuts at a character’s boundary', () => {
    for (let size = 1; size <= 40; size++) {
      assert.equal(cut('ab€€€\n😀😀\n', 5, size), 'ab€\n€\n€\n😀\n😀\n');
    }
  });

  void it('cuts bytes that are no UTF-8 just the same', () => {
    const cutter = new LineCutter(4);
    let bytes = 0;
    const count = (lines: Buffer): void => {
      bytes += lines.filter((byte) => byte === 0x80).length;
    };
    cutter.push(Buffer.alloc(10, 0x80), count);
    cutter.end(count);
    assert.equal(bytes, 10);
  });

  void it('holds no more back than the longest line', () => {
    const cutter = new LineCutter(1_000);
    let out = 0;
    for (let count = 0; count < 5_000; count++)
      cutter.push(Buffer.alloc(7, 'x'), (lines) => (out += lines.length - 1));
    assert.ok(5_000 * 7 - out <= 1_000);
  });

  void it('leads a line that never ends through the same memory', () => {
    const cutter = new LineCutter(65_536);
    const memory = new Set<ArrayBufferLike>();
    for (const length of Array.from({ length: 300 }, (_, index) => 1 + ((index * 7919) % 65_536)))
      cutter.push(Buffer.alloc(length, 'x'), (lines) => memory.add(lines.buffer));
    assert.equal(memory.size, 1);
  });
});
