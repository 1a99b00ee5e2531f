import assert from 'node:assert/strict';
import { it } from 'node:test';
import { typedCommand } from './typed-command.js';

void it('what to type next is what was typed, with other options', () => {
  const args = ['start', './b', '--host', 'x.test', 'y.test', '--port=80', '-n', '2', '--', '--host', "it's"];
  assert.equal(
    typedCommand({ '--port': ['81'], '--no-server': [] }, args),
    "vhostd start ./b --host x.test y.test -n 2 --port 81 --no-server -- --host 'it'\\''s'",
  );
  assert.equal(
    typedCommand({ '--port': ['81'] }, ['start', '--port', '80', './b']),
    'vhostd start ./b --port 81',
  );
  assert.equal(
    typedCommand({ '--host': ['b.localhost'] }, args),
    "vhostd start ./b --port=80 -n 2 --host b.localhost -- --host 'it'\\''s'",
  );
});
