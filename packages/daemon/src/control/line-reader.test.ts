import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LineReader } from './line-reader.js';

void describe('LineReader', () => {
  void it('gives the same lines however the bytes are cut', () => {
    const text = 'one\n\nzwölf €\n{"a":1}\nrest';
    const bytes = Buffer.from(text);
    for (let size = 1; size <= bytes.length; size++) {
      const reader = new LineReader(100);
      const lines: string[] = [];
      for (let at = 0; at < bytes.length; at += size)
        lines.push(...reader.push(bytes.subarray(at, at + size)));
      assert.deepEqual(lines, ['one', '', 'zwölf €', '{"a":1}'], `in pieces of ${size}`);
      assert.deepEqual(reader.push(Buffer.from('\n')), ['rest']);
    }
  });

  void it('takes a line of the limit and overflows at one byte more, cut or not', () => {
    for (const pieces of [['12345\n'], ['123', '45', '\n']]) {
      const reader = new LineReader(5);
      assert.deepEqual(
        pieces.flatMap((piece) => reader.push(Buffer.from(piece))),
        ['12345'],
      );
      assert.equal(reader.overflowed, false);
    }
    for (const pieces of [['ok\n123456\nlost\n'], ['ok\n123', '456'], ['ok\n', '123456']]) {
      const reader = new LineReader(5);
      assert.deepEqual(
        pieces.flatMap((piece) => reader.push(Buffer.from(piece))),
        ['ok'],
      );
      assert.equal(reader.overflowed, true);
      assert.deepEqual(reader.push(Buffer.from('more\n')), []);
    }
  });
});
