// A new FIFO of its own each time, made by a library or by a program, which leaves no name behind.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, fstatSync, readdirSync, readSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Fifos } from './fifo.js';
import { FFI_VARIABLE, nativeCalls } from './native-calls.js';

/** Takes more than a program makes at once. */
const COUNT = 30;

void test('what is written to one is read from it, and from no other', async () => {
  const fifos = new Fifos();
  const taken = Array.from({ length: COUNT }, () => fifos.take());
  for (const [index, { writeFd }] of taken.entries()) writeSync(writeFd, String(index));
  const buffer = Buffer.alloc(10);
  for (const [index, { readFd, writeFd }] of taken.entries()) {
    assert.ok(fstatSync(readFd).isFIFO());
    assert.equal(buffer.toString('latin1', 0, readSync(readFd, buffer)), String(index));
    assert.throws(() => readSync(readFd, buffer), { code: 'EAGAIN' });
    closeSync(writeFd);
    assert.equal(readSync(readFd, buffer), 0);
    closeSync(readFd);
  }
  fifos.close();
  // The program may be making some more at this moment.
  const own = `vhostd-fifo-${process.pid}-`;
  while (readdirSync(tmpdir()).some((name) => name.startsWith(own))) await new Promise(setImmediate);
});

void test('without a library the program does it', { skip: nativeCalls() === undefined }, () => {
  const { status, stdout } = spawnSync(process.execPath, [fileURLToPath(import.meta.url)], {
    env: { PATH: process.env['PATH'], [FFI_VARIABLE]: 'off' },
  });
  assert.equal(status, 0, stdout.toString());
});

void test('where there is no room for temporary files they are made elsewhere', (t) => {
  const before = process.env['TMPDIR'];
  t.after(() => {
    if (before === undefined) delete process.env['TMPDIR'];
    else process.env['TMPDIR'] = before;
  });
  // As a full disk, it takes nothing.
  process.env['TMPDIR'] = '/proc/self';
  const fifos = new Fifos();
  const { readFd, writeFd } = fifos.take();
  assert.ok(fstatSync(readFd).isFIFO());
  [readFd, writeFd].forEach((fd) => closeSync(fd));
  fifos.close();
});
