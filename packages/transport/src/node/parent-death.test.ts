import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { nativeCalls } from './native-calls.js';

const CHILD = fileURLToPath(new URL('./parent-death.test.child.js', import.meta.url));
/** Starts the child in a session of its own, so that the kernel has no other reason to let it go on. */
const PARENT = `require('node:child_process').spawn(process.execPath, [process.argv[1]], { detached: true, stdio: 'inherit' });
  setInterval(() => undefined, 1000);`;

function stateOf(pid: number): string {
  try {
    return /^State:\s+(\S)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? '';
  } catch {
    return '';
  }
}

async function becomes(pid: number, states: string): Promise<void> {
  while (!states.includes(stateOf(pid) || '-')) await delay(5);
}

void test(
  'a process that is stopped runs again when the one that has started it is killed',
  { skip: nativeCalls() === undefined && 'no library makes system calls here' },
  async (t) => {
    const parent = spawn(process.execPath, ['-e', PARENT, CHILD], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [text] = (await once(parent.stdout, 'data')) as [Buffer];
    const pid = Number(text);
    t.after(() => {
      if (!'-ZX'.includes(stateOf(pid) || '-')) process.kill(pid, 'SIGKILL');
    });
    process.kill(pid, 'SIGSTOP');
    await becomes(pid, 'T');
    parent.kill('SIGKILL');
    await becomes(pid, '-ZX');
    assert.equal(stateOf(parent.pid ?? 0) === 'T', false);
  },
);
