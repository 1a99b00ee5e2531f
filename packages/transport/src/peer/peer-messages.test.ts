import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { openListening, portOf } from '../link/fixtures/forked-link.test.kit.js';
import { forkWithLink } from '../link/fork-link.js';
import { FrameKind } from '../link/frame.js';
import { Peer } from './peer.js';
import { peerPair, turn } from './peer-pair.test.kit.js';
import type { NoQuestions, Questions } from './peer-pair.test.kit.js';
import { VhostError } from '@vhostd/protocol';

describe('a notice', () => {
  test('has no answer; what its handler throws goes to onNoticeError', async () => {
    const pair = peerPair();
    const heard: unknown[] = [];
    pair.answering.handle('told', (params) => {
      heard.push(params);
      if (params === 'throw') throw new VhostError('ERR_WORKER_FAILED', 'no');
      return null;
    });
    for (const text of ['one', 'throw', 'two']) assert.equal(pair.asking.notify('told', text), true);
    pair.asking.notify('anything', 1);
    while (pair.noticeErrors.length < 2) await turn();
    assert.deepEqual(heard, ['one', 'throw', 'two']);
    assert.deepEqual(pair.noticeErrors, [
      ['ERR_WORKER_FAILED', 'told'],
      ['ERR_CALL_UNKNOWN', 'anything'],
    ]);
    assert.deepEqual(pair.there.sent, []);
  });

  test('is dropped above the count that may be in work', async () => {
    const pair = peerPair({ maxIncomingCount: 2 });
    let startedCount = 0;
    pair.answering.handle('told', () => {
      startedCount += 1;
      return new Promise(() => undefined);
    });
    for (let count = 0; count < 5; count += 1) pair.asking.notify('told', 'x');
    while (pair.noticeErrors.length < 3) await turn();
    assert.equal(startedCount, 2);
    assert.deepEqual(pair.noticeErrors[0], ['ERR_CALL_TOO_MANY', 'told']);
  });

  test('is not sent when the peer does not read, and throws when it is no JSON', () => {
    const { asking, here } = peerPair();
    assert.throws(() => asking.notify('anything', 1n), { code: 'ERR_CALL_NOT_JSON' });
    here.reads = false;
    assert.equal(asking.notify('told', 'x'), false);
  });
});

describe('what is no message', () => {
  const malformed = [
    '',
    'text',
    '{',
    'null',
    '7',
    '[]',
    '{}',
    '{"type":"request","id":1}',
    '{"type":"request","method":"add"}',
    '{"type":"request","id":"1","method":"add"}',
    '{"type":"request","id":1.5,"method":"add"}',
    '{"type":"result","id":null}',
    '{"type":"notice","method":{}}',
    '{"type":"other","id":1}',
  ];
  for (const payload of malformed) {
    test(`is told as a violation: ${payload || 'nothing'}`, async () => {
      const pair = peerPair();
      pair.here.send(FrameKind.message, payload);
      while (pair.violations.length === 0) await turn();
      assert.deepEqual(pair.violations, ['a message that is not one of ours']);
      assert.deepEqual(pair.there.sent, []);
    });
  }

  test('is not an answer to what was never asked: that is ignored', async () => {
    const pair = peerPair();
    pair.answering.handle('add', () => 3);
    for (const message of [
      '{"type":"result","id":9}',
      '{"type":"error","id":9}',
      '{"type":"taken","id":9}',
    ]) {
      pair.there.send(FrameKind.message, message);
    }
    assert.equal(await pair.asking.request('add', { a: 1, b: 2 }), 3);
    assert.deepEqual(pair.violations, []);
  });
});

describe('two processes', () => {
  for (const type of ['pipe', 'ipc'] as const) {
    test(`talk over a link of type ${type}, with handles both ways`, { timeout: 60_000 }, async (t) => {
      const { child, link } = forkWithLink(
        (variables) =>
          fork(fileURLToPath(new URL('./answering.test.child.js', import.meta.url)), [], {
            stdio: ['ignore', 2, 2, 'ipc'],
            execArgv: [],
            env: { ...process.env, ...variables },
          }),
        (forked) => forked,
        { type, onViolation: assert.fail },
      );
      t.after(() => child.kill('SIGKILL'));
      const peer = new Peer<Questions, NoQuestions>(link, { name: 'the child', onViolation: assert.fail });
      peer.start();
      assert.equal(await peer.request('add', { a: 1, b: 2 }), 3);
      await assert.rejects(peer.request('anything', 'throw'), {
        code: 'ERR_WORKER_FAILED',
        info: { params: 'throw' },
      });
      const [listening] = await openListening(t, 1);
      assert.ok(listening !== undefined);
      let releasedCount = 0;
      const passenger = { handle: listening.handle, release: () => (releasedCount += 1) };
      assert.equal(await peer.request('take', null, { passenger }), `port ${listening.port}`);
      assert.equal(releasedCount, 1);
      const { value, handle } = await peer.requestWithHandle('anything', 'handle');
      assert.equal(value, portOf(handle));
      assert.ok(handle !== undefined);
      handle.close();
      const lost = peer.request('anything', 'die');
      await assert.rejects(lost, { code: 'ERR_CALL_LOST' });
    });
  }
});
