import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { readIdentity } from '@vhostd/supervisor';
import type { ProcessIdentity } from '@vhostd/supervisor';
import { ClaimChain } from './claim-chain.js';

let base: string;
let directory: string;
beforeEach(() => {
  base = mkdtempSync(path.join(tmpdir(), 'vhostd-claim-'));
  directory = path.join(base, 'daemon.lock');
});
afterEach(() => rmSync(base, { recursive: true }));

void describe('ClaimChain', () => {
  void it('is held by one at a time and passes on when let go', () => {
    const one = new ClaimChain(directory, living());
    const other = new ClaimChain(directory, living());
    assert.equal(one.holder(), undefined);
    assert.equal(one.claim(), undefined);
    assert.equal(one.holds(), true);
    assert.deepEqual(other.claim(), living());
    assert.equal(other.holds(), false);
    other.release();
    assert.equal(one.holds(), true, 'only the holder lets go');
    one.release();
    assert.equal(one.holds(), false);
    assert.equal(other.claim(), undefined);
    assert.equal(one.holds(), false);
    assert.equal(other.holds(), true);
  });

  void it('follows a dead holder at once: another boot, another start time, a free pid', () => {
    const self = living();
    const dead = [
      { ...self, bootId: '00000000-0000-0000-0000-000000000000' },
      { ...self, startTime: '1' },
      { pid: 4_194_305, startTime: self.startTime, bootId: self.bootId },
    ];
    for (const identity of dead) {
      const former = new ClaimChain(directory, identity);
      assert.equal(former.claim(), undefined);
      assert.equal(former.holder(), undefined);
    }
    const chain = new ClaimChain(directory, self);
    assert.equal(chain.claim(), undefined);
    assert.deepEqual(chain.holder(), self);
  });

  void it('takes what is no claim for nobody’s, and never reuses a number', () => {
    const first = new ClaimChain(directory, living());
    first.claim();
    first.release();
    symlinkSync('garbage', path.join(directory, '7'));
    writeFileSync(path.join(directory, '8'), 'not even a link');
    writeFileSync(path.join(directory, 'notes'), '');
    const chain = new ClaimChain(directory, living());
    assert.equal(chain.claim(), undefined);
    assert.equal(readlinkSync(path.join(directory, '9')).split(':')[0], String(process.pid));
  });

  void it('does not grow', () => {
    const chain = new ClaimChain(directory, living());
    for (let round = 0; round < 50; round++) {
      assert.equal(chain.claim(), undefined);
      chain.release();
    }
    assert.ok(readdirSync(directory).length <= 10, readdirSync(directory).join(' '));
  });

  void it('notices that its claim was removed', () => {
    const chain = new ClaimChain(directory, living());
    chain.claim();
    rmSync(directory, { recursive: true });
    assert.equal(chain.holds(), false);
    chain.release();
    assert.equal(chain.claim(), undefined);
  });

  void it('lets one process at a time into a critical section', { timeout: 120_000 }, async () => {
    const script = fileURLToPath(new URL('claim-chain.test.child.js', import.meta.url));
    const section = path.join(base, 'section');
    const children = Array.from({ length: 4 }, () => fork(script, [directory, section, '150']));
    const ends = await Promise.all(children.map((child) => once(child, 'exit')));
    assert.deepEqual(
      ends,
      children.map(() => [0, null]),
    );
  });
});

function living(): ProcessIdentity {
  const identity = readIdentity(process.pid);
  assert.ok(identity !== undefined);
  return identity;
}
