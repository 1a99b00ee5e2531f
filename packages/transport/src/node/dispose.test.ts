import assert from 'node:assert/strict';
import { closeSync, fstatSync, openSync } from 'node:fs';
import { test } from 'node:test';
import { dispose, disposeNow } from './dispose.js';

function isOpen(fd: number): boolean {
  try {
    fstatSync(fd);
    return true;
  } catch {
    return false;
  }
}

void test('descriptors are closed in the turn behind, more than one helper takes', async () => {
  const fds = Array.from({ length: 300 }, () => openSync('/dev/null', 'r'));
  dispose(fds.map((fd) => ({ fd, close: () => closeSync(fd) })));
  assert.ok(fds.every(isOpen));
  await new Promise(setImmediate);
  assert.ok(!fds.some(isOpen));
});

void test('what has no descriptor any more is closed without a helper', () => {
  let closed = 0;
  dispose([{ fd: -1, close: () => void (closed += 1) }]);
  disposeNow();
  assert.equal(closed, 1);
});

void test('without the program that holds them another one does', () => {
  const path = process.env['PATH'];
  process.env['PATH'] = '/nowhere';
  try {
    const fd = openSync('/dev/null', 'r');
    dispose([{ fd, close: () => closeSync(fd) }]);
    disposeNow();
    assert.equal(isOpen(fd), false);
  } finally {
    process.env['PATH'] = path;
  }
});
