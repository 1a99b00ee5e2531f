import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { hiddenField } from './hidden-field.js';

test('a hidden field is at its object and nowhere else, and nobody sees it', () => {
  const [first, second] = [hiddenField<number>(), hiddenField<string>()];
  const object = Object.freeze({ shown: 1 });
  assert.equal(first.of(object), undefined);
  first.set(object, 2);
  second.set(object, 'two');
  first.set(object, 3);
  assert.deepEqual([first.of(object), second.of(object)], [3, 'two']);
  assert.deepEqual(Reflect.ownKeys(object), ['shown']);
  assert.equal(inspect(object, { showHidden: true }), '{ shown: 1 }');
  assert.equal(first.of({ ...object }), undefined);
});
