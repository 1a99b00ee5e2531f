import assert from 'node:assert/strict';
import { test } from 'node:test';
import { unknownSite } from './unknown-site.js';

void test('ten of the sites that there are are named, and the others counted', () => {
  const known = Array.from({ length: 12 }, (_, index) => `s${index}`);
  assert.match(unknownSite('x', known).message, /^there is no site 'x'; there are: s0, .*, s9 and 2 more$/);
  assert.match(unknownSite('x', ['a', 'b']).message, /there are: a, b$/);
  assert.match(unknownSite('x', []).message, /there are: none$/);
});
