import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LastWords } from './last-words.js';

function wordsOf(...chunks: (string | Buffer)[]): string | undefined {
  const words = new LastWords();
  for (const chunk of chunks) words.push(chunk);
  return words.text;
}

void test('the last three lines are kept, in one line', () => {
  assert.equal(wordsOf('one\ntwo\n', 'thr', 'ee\n\nfour\n'), 'two | three | four');
  assert.equal(wordsOf(), undefined);
  assert.equal(wordsOf('\n \n'), undefined);
});

void test('a character that comes in two parts is one', () => {
  const bytes = Buffer.from('ä');
  assert.equal(wordsOf(bytes.subarray(0, 1), bytes.subarray(1)), 'ä');
});

void test('what a terminal would obey is left out', () => {
  assert.equal(wordsOf('\u001B[31mred\u001B[0m \u0007\u0000\u202Etext\r\n'), 'red text');
});

void test('frames of a stack are left out', () => {
  assert.equal(wordsOf('Error: no\n    at main (app.js:1:2)\n    at node:internal/x:3:4\n'), 'Error: no');
  const abort = [
    '<--- Last few GCs --->',
    '[30:0x2a3b000]      40 ms: Mark-Compact (reduce) 4.1 (5.0) -> 4.1 (6.0) MB',
    'FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory',
    '----- Native stack trace -----',
    ' 1: 0xb83f50 node::OOMErrorHandler [node]',
    '10: 0x7f12 ',
  ].join('\n');
  assert.equal(
    wordsOf(abort),
    'FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory',
  );
});

void test('a flood keeps little', () => {
  assert.equal(wordsOf('x'.repeat(1e6), 'end')?.length, 500);
  assert.match(wordsOf(Buffer.alloc(1e6, 'x'), 'end') ?? '', /xend$/);
});
