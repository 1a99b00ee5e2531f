import assert from 'node:assert/strict';
import { it } from 'node:test';
import { wrapped } from './wrapped.js';

void it('a text is broken between words, and what follows is indented', () => {
  assert.deepEqual(wrapped('one two three', 8), ['one two', '  three']);
  assert.deepEqual(wrapped('one two three', Infinity), ['one two three']);
});

void it('a word that is wider than all stays whole', () => {
  assert.deepEqual(wrapped('a longest b', 4), ['a', '  longest', '  b']);
});
