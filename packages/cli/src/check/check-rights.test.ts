import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { it } from 'node:test';
import { barrierFor } from './check-rights.js';

void it("a site's user may have a file by its mode, its groups and the directories above it", () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'vhostd-rights-'));
  const inner = path.join(directory, 'inner');
  const file = path.join(inner, 'server.js');
  const groups = path.join(directory, 'group');
  try {
    mkdirSync(inner);
    writeFileSync(file, '');
    for (const at of [directory, inner]) chmodSync(at, 0o755);
    const { uid, gid } = statSync(file);
    writeFileSync(groups, `wheel:x:${gid}:root,bob\n`);
    const stranger = { uid: uid + 1, gid: gid + 1, home: '/', name: 'alice' };
    const see = (mode: number, user = stranger): string | undefined => {
      chmodSync(file, mode);
      return barrierFor(file, user, 'read', groups);
    };
    assert.equal(see(0o644), undefined);
    assert.equal(see(0o640), file);
    assert.equal(see(0o640, { ...stranger, gid }), undefined);
    assert.equal(see(0o640, { ...stranger, name: 'bob' }), undefined);
    // Its group's rights count for a member, also where others may do more.
    assert.equal(see(0o604, { ...stranger, name: 'bob' }), file);
    assert.equal(see(0o000, { ...stranger, uid: 0 }), undefined);
    chmodSync(inner, 0o700);
    assert.equal(see(0o644), inner);
    assert.equal(barrierFor(inner, stranger, 'enter', groups), inner);
    chmodSync(inner, 0o711);
    assert.equal(barrierFor(inner, stranger, 'enter', groups), undefined);
    assert.equal(barrierFor(path.join(inner, 'gone'), stranger, 'read', groups), undefined);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
