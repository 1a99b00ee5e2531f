import assert from 'node:assert/strict';
import { fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { TestContext } from 'node:test';
import { channelHandle } from '../node/pipe-internals.js';
import { guardChannel } from './channel-guard.js';
import { fixturePath, until } from './fixtures/forked-link.test.kit.js';
import type { Step } from './fixtures/hostile-worker.test.child.js';
import type { Report } from './fixtures/primary.test.child.js';

type Mode = 'guard' | 'guard with handles' | 'no guard';

interface Outcome {
  /** Of the primary. */
  code: number | null;
  report: Report | undefined;
  output: string;
}

/** Runs a primary whose worker takes these steps. */
async function run(t: TestContext, mode: Mode, steps: Step[]): Promise<Outcome> {
  const args = [fixturePath('primary'), mode, ...steps.map((step) => JSON.stringify(step))];
  const primary = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  t.after(() => primary.kill('SIGKILL'));
  let stdout = '';
  let stderr = '';
  primary.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  primary.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const [code] = (await once(primary, 'close')) as [number | null];
  const report = code === 0 ? (JSON.parse(stdout) as Report) : undefined;
  return { code, report, output: stdout + stderr };
}

/** A primary that caught its worker: it lives, it was told once, and nothing remains. */
async function assertCaught(t: TestContext, mode: Mode, steps: Step[], violation: string): Promise<void> {
  const { code, report, output } = await run(t, mode, [{ send: 'hello' }, ...steps]);
  assert.equal(code, 0, output);
  assert.deepEqual(report, {
    violations: [violation],
    messages: report?.messages,
    keptCount: 0,
    exit: [null, 'SIGKILL'],
    polluted: false,
    descriptorCountGrew: false,
  });
}

function queryServer(path: string): string {
  const fields = { address: path, port: -1, addressType: -1, fd: -1, index: 0, flags: 0, seq: 9 };
  return `${JSON.stringify({ cmd: 'NODE_CLUSTER', act: 'queryServer', ...fields })}\n`;
}

function temporaryPath(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'vhostd-guard-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return join(directory, 'socket');
}

const options = { timeout: 120_000 };

describe('guardChannel', () => {
  test(
    'lets ordinary messages pass, whole, cut in pieces, deep, or with a key __proto__',
    options,
    async (t) => {
      const deep = `${'['.repeat(20_000)}${']'.repeat(20_000)}\n`;
      const { code, report, output } = await run(t, 'guard', [
        { send: { first: 'ü' } },
        { drip: `${JSON.stringify({ dripped: 'é€😀' })}\n` },
        { write: '{"__proto__":{"polluted":1,"cmd":"NODE_CLUSTER","act":"queryServer"}}\n' },
        { write: deep },
        { write: '"' },
        { write: 'x'.repeat(100_000), times: 10 },
        { write: '"\n' },
        { send: 'done' },
      ]);
      assert.equal(code, 0, output);
      assert.deepEqual(report?.violations, []);
      assert.deepEqual(report?.messages.slice(0, 2), ['{"first":"ü"}', '{"dripped":"é€😀"}']);
      assert.match(report?.messages[2] ?? '', /^\{"__proto__":/);
      assert.equal(report?.messages[4], `"${'x'.repeat(49)}`);
      assert.equal(report?.messages[5], '"done"');
      assert.equal(report?.polluted, false);
    },
  );

  test('lets a cluster worker leave in its own way', options, async (t) => {
    const { code, report, output } = await run(t, 'guard', [{ leave: true }]);
    assert.equal(code, 0, output);
    assert.deepEqual([report?.violations, report?.exit], [[], [0, null]]);
  });

  const notJson = 'a line that is not JSON';
  const tooLong = 'a line of more than 1048576 bytes';
  const caught: [title: string, steps: Step[], violation: string][] = [
    ['garbage', [{ write: 'garbage\n' }], notJson],
    ['garbage in pieces', [{ drip: 'gar\nbage\n' }], notJson],
    ['garbage that goes on', [{ write: 'garbage\n', times: 100_000 }], notJson],
    ['bytes that are no text', [{ write: '\u0000\n' }], notJson],
    ['a line of 100 MB', [{ write: 'x'.repeat(100_000), times: 1000 }], tooLong],
    ['JSON that is too deep and too long', [{ write: '['.repeat(100_000), times: 11 }], tooLong],
    [
      'an answer to a question of the primary’s',
      [{ write: '{"cmd":"NODE_CLUSTER","act":"online","ack":0}\n' }],
      "a forged message 'NODE_CLUSTER online'",
    ],
    ['a handle', [{ sendHandle: 'with handle' }], 'a handle on the channel'],
  ];
  for (const [title, steps, violation] of caught) {
    test(`catches ${title}`, options, (t) => assertCaught(t, 'guard', steps, violation));
  }

  test('catches a forged queryServer, sent once or twice: nothing is bound', options, async (t) => {
    for (const times of [1, 2]) {
      const path = temporaryPath(t);
      const violation = "a forged message 'NODE_CLUSTER queryServer'";
      await assertCaught(t, 'guard', [{ write: queryServer(path), times }], violation);
      assert.equal(existsSync(path), false);
    }
  });

  describe('with handles', () => {
    const withHandles = 'guard with handles';
    const wrapped = (message: string): string =>
      `{"cmd":"NODE_HANDLE","type":"net.Native","msg":${message.trim()}}\n`;

    test('catches a forged message within one that carries a handle', options, async (t) => {
      const path = temporaryPath(t);
      const steps = [{ write: wrapped(queryServer(path)) }];
      await assertCaught(t, withHandles, steps, "a forged message 'NODE_HANDLE'");
      await assertCaught(
        t,
        withHandles,
        [{ sendHandle: JSON.parse(queryServer(path)) }],
        "a forged message 'NODE_HANDLE'",
      );
      assert.equal(existsSync(path), false);
    });

    test('catches an acknowledgement that nothing waits for', options, async (t) => {
      const steps = [{ write: '{"cmd":"NODE_HANDLE_ACK"}\n' }];
      await assertCaught(t, withHandles, steps, 'an acknowledgement of nothing');
    });

    test('catches a child that asks for answers and does not read them', options, async (t) => {
      const steps = [{ write: wrapped('1').repeat(1000), times: 1000 }];
      await assertCaught(t, withHandles, steps, 'more messages than it takes answers');
    });
  });

  describe('without it', () => {
    const fatal: [title: string, write: string][] = [
      ['one line of garbage', 'garbage\n'],
      ['an acknowledgement of nothing', '{"cmd":"NODE_HANDLE_ACK"}\n'],
    ];
    for (const [title, write] of fatal) {
      test(`${title} kills a primary`, options, async (t) => {
        const { code, output } = await run(t, 'no guard', [{ write }]);
        assert.equal(code, 1, output);
      });
    }

    test(
      'a forged queryServer makes a primary bind, and kills one of Node 20 the second time',
      options,
      async (t) => {
        const path = temporaryPath(t);
        const write = queryServer(path);
        const steps = [{ write }, { send: { exists: path } }, { write }, { send: 'done' }];
        const { code, report, output } = await run(t, 'no guard', steps);
        if (process.version.startsWith('v20.')) assert.equal(code, 1, output);
        if (code === 1) assert.equal(existsSync(path), true);
        else assert.equal(report?.messages[1], 'exists: true', output);
      },
    );
  });

  test('keeps no message that nobody listens for', options, async (t) => {
    for (const guarded of [true, false]) {
      const steps: Step[] = [{ send: 'unheard', times: 5000 }, { leave: true }];
      const args = steps.map((step) => JSON.stringify(step));
      const child = fork(fixturePath('hostile-worker'), args, { stdio: ['ignore', 2, 2, 'ipc'] });
      t.after(() => child.kill('SIGKILL'));
      const channel: unknown = child.channel;
      assert.ok(typeof channel === 'object' && channel !== null);
      if (guarded) guardChannel(child, { onViolation: assert.fail });
      const kept = Object.getOwnPropertySymbols(channel).find(
        ({ description }) => description === 'kPendingMessages',
      );
      assert.ok(kept !== undefined);
      const keptCount = (): unknown => Reflect.get(Reflect.get(channel, kept) as object, 'length');
      const handle = channelHandle(child);
      await until(() => (handle?.bytesRead ?? 0) >= 5000 * '"unheard"\n'.length);
      assert.equal(keptCount(), guarded ? 0 : 5000);
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
  });
});
