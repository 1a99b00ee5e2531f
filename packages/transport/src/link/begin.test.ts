import assert from 'node:assert/strict';
import { closeSync, openSync, readSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { awaitBegin, encodeBegin } from './begin.js';
import { encodeFrame, FrameKind } from './frame.js';

/** A descriptor from which these bytes can be read, and then the end. */
function descriptorOf(t: TestContext, latin1: string): number {
  const file = join(tmpdir(), `vhostd-begin-${process.pid}-${Math.random()}`);
  writeFileSync(file, latin1, 'latin1');
  const fd = openSync(file, 'r');
  unlinkSync(file);
  t.after(() => closeSync(fd));
  return fd;
}

const PARAMS = { identity: { siteId: 'läden' }, variables: { A: '€' } };

test('a child is told what it is to be, and nothing behind it is read', (t) => {
  const frame = encodeFrame(FrameKind.begin, encodeBegin(PARAMS), false);
  const fd = descriptorOf(t, `${frame}next`);
  assert.deepEqual(awaitBegin(fd), PARAMS);
  const rest = Buffer.alloc(10);
  const count = readSync(fd, rest, 0, rest.length, null);
  assert.equal(rest.subarray(0, count).toString(), 'next');
});

test('a child whose parent ends is told nothing, wherever that was', (t) => {
  const frame = encodeFrame(FrameKind.begin, encodeBegin(PARAMS), false);
  for (const length of [0, 3, 6, 20, frame.length - 1]) {
    assert.equal(awaitBegin(descriptorOf(t, frame.slice(0, length))), undefined, `${length} bytes`);
  }
  assert.equal(awaitBegin(1234), undefined, 'no descriptor');
});

test('a child takes no other frame for it', (t) => {
  const frame = encodeFrame(FrameKind.message, '{}', false);
  assert.equal(awaitBegin(descriptorOf(t, frame)), undefined);
});
