import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import type { TestContext } from 'node:test';
import { fixturePath, openDescriptorCount, until } from './fixtures/forked-link.test.kit.js';
import { FFI_VARIABLE } from '../node/native-calls.js';
import { linkProof } from './link-proof.js';
import { chooseLink } from './self-test.js';

const options = { timeout: 120_000 };

/** What chooseLink says in a process where one thing is broken; that process must end by itself. */
async function chooseIn(
  t: TestContext,
  wish: string,
  broken: string,
  env: Record<string, string> = {},
  proof?: string,
): Promise<unknown> {
  const child = fork(fixturePath('choose-link'), [wish, broken, ...(proof === undefined ? [] : [proof])], {
    execArgv: [],
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  t.after(() => child.kill('SIGKILL'));
  let stdout = '';
  let stderr = '';
  child.stdout?.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  assert.equal(code, 0, stdout + stderr);
  return JSON.parse(stdout);
}

describe('chooseLink', () => {
  test('takes what is fastest on this Node, or the pipe where that is wished for', options, async (t) => {
    const expected = { type: 'native', handsBack: true };
    assert.deepEqual(await chooseLink('auto'), expected);
    assert.deepEqual(await chooseLink('native'), expected);
    assert.deepEqual(await chooseIn(t, 'auto', 'nothing'), expected);
    assert.deepEqual(await chooseLink('pipe'), { type: 'pipe', handsBack: true });
  });

  test('tries nothing out where the proof of an earlier test holds for this Node', options, async (t) => {
    const proof = linkProof('native') ?? '';
    const proved = { handsBack: true, proved: true };
    assert.deepEqual(await chooseLink('auto', proof), { type: 'native', ...proved });
    assert.deepEqual(await chooseLink('pipe', proof), { type: 'pipe', ...proved });
    assert.deepEqual(await chooseLink('pipe', linkProof('pipe')), { type: 'pipe', ...proved });
    // What would not pass.
    const unseen = await chooseIn(t, 'pipe', 'the look at descriptors', {}, proof);
    assert.deepEqual(unseen, { type: 'pipe', ...proved });
  });

  test('tries it out where the proof is another, or of the pipe alone', options, async () => {
    const native = { type: 'native', handsBack: true };
    const proof = (linkProof('native') ?? '').replace(process.version, 'v20.0.0');
    assert.deepEqual(await chooseLink('auto', proof), native);
    assert.deepEqual(await chooseLink('native', linkProof('pipe')), native);
  });

  test('without what looks at descriptors a proof is none', options, async (t) => {
    const env = { [FFI_VARIABLE]: 'off' };
    const choice = (await chooseIn(t, 'auto', 'nothing', env, linkProof('native'))) as object;
    assert.equal(Reflect.get(choice, 'handsBack'), false);
  });

  const changes: [broken: string, reason: RegExp][] = [
    ['the look at what was sent', /: what a connection has sent cannot be looked at$/],
    ['the descriptors of a batch', /: another connection arrived$/],
    ['the bytes of a batch', /: other bytes arrived than were sent$/],
    ['the read of no bytes', /: what a connection has sent cannot be looked at$/],
    ['the socket for batches', /: no socket can be made/],
  ];
  for (const [broken, reason] of changes) {
    test(`takes the pipe where ${broken} is not as it was, and says so`, options, async (t) => {
      for (const wish of ['auto', 'native']) {
        const choice = (await chooseIn(t, wish, broken)) as { type: string; reason: string };
        assert.equal(choice.type, 'pipe');
        assert.match(choice.reason, /^no batches with (?:node:ffi|koffi): /);
        assert.match(choice.reason, reason);
      }
    });
  }

  test('takes the pipe without hand-backs where nothing can look at descriptors', options, async (t) => {
    const reason = 'neither node:ffi (Node 26) nor the package koffi can be loaded';
    for (const wish of ['auto', 'native', 'pipe']) {
      const choice = await chooseIn(t, wish, 'nothing', { [FFI_VARIABLE]: 'off' });
      assert.deepEqual(choice, { type: 'pipe', handsBack: false, reason });
    }
  });

  test(
    'takes it without hand-backs, too, where what looks at descriptors does not work',
    options,
    async (t) => {
      const choice = (await chooseIn(t, 'auto', 'the look at descriptors')) as {
        handsBack: boolean;
        reason: string;
      };
      assert.equal(choice.handsBack, false);
      assert.match(
        choice.reason,
        /^no descriptor can be received with (node:ffi|koffi): the link ended: a frame with a descriptor that was not sent$/,
      );
    },
  );

  test('takes the channel where that is wished for, whatever the pipe does', options, async (t) => {
    assert.deepEqual(await chooseLink('ipc'), { type: 'ipc', handsBack: true });
    assert.deepEqual(await chooseIn(t, 'ipc', 'the write'), { type: 'ipc', handsBack: true });
  });

  test('leaves no descriptor behind', options, async () => {
    await chooseLink('auto');
    const before = openDescriptorCount();
    for (let round = 0; round < 3; round += 1) await chooseLink('auto');
    await until(() => openDescriptorCount() <= before);
  });

  const node = `Node ${process.version}`;
  const breakages: [broken: string, reason: RegExp][] = [
    ['the bytes', /^(other bytes came back than were sent|the child read other bytes than were sent)$/],
    ['the handle', /^the link ended: peer-gone$/],
    ['the frames', /^the link ended: /],
    ['the write', /^writeLatin1String is not what it was$/],
    ['the write request', new RegExp(`^${node} does not offer WriteWrap$`)],
    ['the spawn', new RegExp(`^${node} spawns children in an unknown way$`)],
    ['the channel', new RegExp(`^${node} does not offer the handle of a child's channel$`)],
  ];
  for (const [broken, reason] of breakages) {
    test(
      `notices when ${broken} changed: falls back to the channel, or says that it cannot`,
      options,
      async (t) => {
        const choice = (await chooseIn(t, 'auto', broken)) as { type: string; reason: string };
        assert.equal(choice.type, 'ipc');
        assert.match(choice.reason, reason);
        const refusal = (await chooseIn(t, 'pipe', broken)) as { code: string; cause: string };
        assert.equal(refusal.code, 'ERR_LINK_SELF_TEST');
        assert.match(refusal.cause, reason);
      },
    );
  }
});
