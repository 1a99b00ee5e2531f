import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

/** Node keeps what is this high from no child. */
const HIGH = 60;

test(
  'a child has no descriptor that its parent was started with',
  { skip: process.platform !== 'linux' },
  async (t) => {
    const directory = realpathSync(mkdtempSync(join(tmpdir(), 'vhostd-inherited-')));
    t.after(() => rmSync(directory, { recursive: true }));
    const lock = openSync(join(directory, 'lock'), 'w');
    const stdio = Array.from({ length: HIGH }, () => 'ignore' as const);
    const child = spawn(
      process.execPath,
      [fileURLToPath(new URL('./inherited-descriptors.test.child.js', import.meta.url))],
      { stdio: ['ignore', 'pipe', 'inherit', ...stdio.slice(3), lock, lock] },
    );
    closeSync(lock);
    const [output] = await Promise.all([
      text(child.stdout as NonNullable<typeof child.stdout>),
      once(child, 'close'),
    ]);
    const { inherited, forked, spawned } = JSON.parse(output) as Record<string, string[]>;
    const held = inherited?.filter((path) => path === join(directory, 'lock'));
    assert.equal(held?.length, 2, output);
    assert.ok(forked !== undefined && forked.length > 0, output);
    assert.equal(forked.includes(join(directory, 'lock')), false, output);
    // A descriptor can't travel through a FIFO as it can through a socket.
    const kinds = spawned?.map((path) => (path.includes('vhostd-fifo-') ? 'fifo' : path));
    assert.deepEqual(new Set(kinds), new Set(['/dev/null', 'fifo']), output);
  },
);
