import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { forkLeader } from './fork-leader.js';

void test('a child leads a session and a process group of its own, and only one that is forked so', (t) => {
  const start = (): ReturnType<typeof spawn> => spawn('sleep', ['1000'], { stdio: 'ignore' });
  for (const { child, leads } of [
    { child: forkLeader(start), leads: true },
    { child: start(), leads: false },
  ]) {
    t.after(() => child.kill('SIGKILL'));
    // proc_pid_stat(5): state, ppid, pgrp, session behind the name.
    const [, , group, session] = readFileSync(`/proc/${child.pid ?? 0}/stat`, 'utf8')
      .replace(/^.*\) /, '')
      .split(' ');
    assert.deepEqual([group === String(child.pid), session === String(child.pid)], [leads, leads]);
  }
});
