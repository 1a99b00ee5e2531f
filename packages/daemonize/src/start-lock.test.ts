import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { StartLock } from './start-lock.js';

let directory: string;
let files: { pidFile: string; lock: string };
beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'vhostd-start-lock-'));
  files = { pidFile: path.join(directory, 'x.pid'), lock: path.join(directory, 'x.lock') };
});
afterEach(() => rmSync(directory, { recursive: true }));

void describe('StartLock', () => {
  void it('is held by one at a time, and is waited for', async () => {
    const lock = new StartLock(files);
    const release = lock.tryAcquire();
    assert.ok(release !== undefined);
    assert.equal(new StartLock(files).tryAcquire(), undefined);
    const next = new StartLock(files).acquire();
    release();
    release();
    const second = await next;
    assert.ok(second !== undefined);
    second();
    assert.deepEqual(readdirSync(directory), []);
  });

  void it('is not waited for any more when that is pointless', async () => {
    const release = new StartLock(files).tryAcquire();
    const abort = new AbortController();
    const waiting = new StartLock(files).acquire(abort.signal);
    abort.abort();
    assert.equal(await waiting, undefined);
    release?.();
  });

  void it('that a killed process left is taken', async () => {
    mkdirSync(files.lock);
    const longAgo = Date.now() / 1000 - 60;
    utimesSync(files.lock, longAgo, longAgo);
    const release = new StartLock(files).tryAcquire();
    assert.ok(release !== undefined);
    release();
  });

  void it('that a killed process left is taken although the clock has been set back since', async () => {
    mkdirSync(files.lock);
    const tomorrow = Date.now() / 1000 + 86_400;
    utimesSync(files.lock, tomorrow, tomorrow);
    const release = await new StartLock(files, 2_000).acquire();
    assert.ok(release !== undefined);
    release();
  });

  void it('says why there can be none', () => {
    const file = path.join(directory, 'file');
    writeFileSync(file, '');
    const nowhere = { pidFile: path.join(file, 'x.pid'), lock: path.join(file, 'x.lock') };
    assert.throws(() => new StartLock(nowhere).tryAcquire(), { code: 'ERR_LOCK_FAILED', message: /ENOTDIR/ });
  });
});
