import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { getPriority } from 'node:os';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const CHILD = fileURLToPath(new URL('./precedence.test.child.js', import.meta.url));
const isRoot = process.geteuid?.() === 0 && getPriority() === 0;
const hasSessions = existsSync('/proc/self/autogroup');

interface Seen {
  raised: boolean;
  own: number;
  ofChild: number;
  ofSession: string | undefined;
  ofLeaders: string | undefined;
}

async function seen(options: { before?: number; detached?: boolean; uid?: number }): Promise<Seen> {
  const { before = 0, detached = false, uid } = options;
  const { stdout } = spawn(process.execPath, [CHILD, `${before}`], {
    stdio: ['ignore', 'pipe', 'inherit'],
    detached,
    ...(uid === undefined ? {} : { uid }),
  });
  return JSON.parse(await text(stdout)) as Seen;
}

void test(
  'a process that takes precedence starts others with the usual priority',
  { skip: !isRoot },
  async () => {
    const { raised, own, ofChild } = await seen({});
    assert.deepEqual({ raised, own, ofChild }, { raised: true, own: -10, ofChild: 0 });
  },
);

void test(
  'its session has it too where it leads one, and is left alone where not',
  { skip: !isRoot || !hasSessions },
  async () => {
    const [leading, led] = [await seen({ detached: true }), await seen({})];
    assert.equal(leading.ofSession, '-10');
    assert.notEqual(led.ofSession, '-10');
  },
);

void test('the priority of a child counts beside other sessions', { skip: !hasSessions }, async () => {
  assert.equal((await seen({})).ofLeaders, '7');
});

void test('what somebody has set stays', { skip: !isRoot }, async () => {
  const { raised, own, ofChild } = await seen({ before: 3, detached: true });
  assert.deepEqual({ raised, own, ofChild }, { raised: false, own: 3, ofChild: 3 });
});

void test('where it is not permitted nothing happens', { skip: !isRoot }, async () => {
  const { raised, own, ofChild } = await seen({ uid: 65_534 });
  assert.deepEqual({ raised, own, ofChild }, { raised: false, own: 0, ofChild: 0 });
});
