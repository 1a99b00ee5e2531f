import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runInThisContext } from 'node:vm';
import { describeFailure } from './failure.js';

test('a syntax error is told with its file and line', () => {
  assert.equal(
    describeFailure(thrownBy(() => runInThisContext('1;\nconst = 2;', { filename: '/srv/shop/server.js' })))
      .message,
    "/srv/shop/server.js:2: SyntaxError: Unexpected token '='",
  );
});

test('one without a place is told as what it is', () => {
  const error = thrownBy(() => JSON.parse('{'));
  assert.equal(
    describeFailure(error).message,
    `SyntaxError: ${String(Reflect.get(Object(error), 'message'))}`,
  );
});

test('any other error is told in its own words', () => {
  assert.equal(describeFailure(new TypeError('no function')).message, 'no function');
  assert.equal(describeFailure('thrown text').message, 'thrown text');
});

function thrownBy(work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    return error;
  }
}
