import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { LineWatch } from './line-watch.js';
import type { LineRead } from './line-watch.js';

const QUIET: LineRead = { handle: false, awaitsAck: false, answersWait: false };
const PLAIN = { vhostd: 5, payload: 'é\u0000' };
const HANDLE = { cmd: 'NODE_HANDLE', type: 'net.Native', msg: { vhostdHandle: 1 } };
const ACK = { cmd: 'NODE_HANDLE_ACK' };

function lines(...messages: unknown[]): Buffer {
  return Buffer.from(messages.map((message) => `${JSON.stringify(message)}\n`).join(''));
}

/** Judges these bytes in one read. */
function judge(
  bytes: Buffer,
  read: Partial<LineRead> = {},
  watch = new LineWatch(1000, true),
): string | undefined {
  return watch.push(bytes, { ...QUIET, ...read });
}

describe('LineWatch', () => {
  test('passes messages that are not Node’s own, wherever they are cut', () => {
    const bytes = lines(
      PLAIN,
      'text',
      7,
      null,
      [{ cmd: 'NODE_CLUSTER' }],
      { cmd: 1 },
      { cmd: 'NODE' },
      { act: 'x' },
    );
    for (let size = 1; size <= bytes.length; size += 1) {
      const watch = new LineWatch(1000, false);
      for (let offset = 0; offset < bytes.length; offset += size) {
        assert.equal(judge(bytes.subarray(offset, offset + size), {}, watch), undefined);
      }
    }
  });

  test('names a line that is not JSON, wherever it is cut', () => {
    const bytes = Buffer.concat([lines(PLAIN), Buffer.from('nonsense\n')]);
    for (let cut = 0; cut < bytes.length; cut += 1) {
      const watch = new LineWatch(1000, true);
      assert.equal(judge(bytes.subarray(0, cut), {}, watch), undefined);
      assert.equal(judge(bytes.subarray(cut), {}, watch), 'a line that is not JSON');
    }
  });

  test('names a line that is too long before its end has come, in one read or many', () => {
    assert.equal(judge(Buffer.alloc(1001, 32)), 'a line of more than 1000 bytes');
    assert.equal(judge(Buffer.from(`"${'x'.repeat(999)}"\n`)), 'a line of more than 1000 bytes');
    assert.equal(judge(Buffer.from(`"${'x'.repeat(998)}"\n`)), undefined);
    const watch = new LineWatch(1000, true);
    for (let count = 0; count < 1000; count += 1) assert.equal(judge(Buffer.from(' '), {}, watch), undefined);
    assert.equal(judge(Buffer.from(' '), {}, watch), 'a line of more than 1000 bytes');
  });

  test('passes what a cluster worker says of itself, and nothing more', () => {
    const online = lines({ cmd: 'NODE_CLUSTER', act: 'online', seq: 0 });
    const watch = new LineWatch(1000, false);
    assert.equal(judge(online, {}, watch), undefined);
    assert.equal(
      judge(lines({ cmd: 'NODE_CLUSTER', act: 'exitedAfterDisconnect', seq: 1 }), {}, watch),
      undefined,
    );
    assert.equal(judge(online, {}, watch), "a forged message 'NODE_CLUSTER online'");
    for (const forged of [
      { cmd: 'NODE_CLUSTER', act: 'queryServer' },
      { cmd: 'NODE_CLUSTER', act: 'listening' },
      { cmd: 'NODE_CLUSTER', act: 'close' },
      { cmd: 'NODE_CLUSTER', act: 'online', ack: 1 },
      { cmd: 'NODE_CLUSTER', ack: 1 },
      { cmd: 'NODE_CLUSTER' },
      { cmd: 'NODE_' },
      { cmd: 'NODE_SOCKET_NOTIFY_CLOSE', key: 'x' },
    ]) {
      assert.match(judge(lines(forged)) ?? '', /^a forged message 'NODE_/, JSON.stringify(forged));
    }
  });

  test('cuts what it quotes', () => {
    const found = judge(lines({ cmd: `NODE_${'x'.repeat(900)}` }));
    assert.equal(found?.length, 200);
  });

  test('passes no handle and no acknowledgement unless told to', () => {
    const watch = (): LineWatch => new LineWatch(1000, false);
    assert.equal(judge(lines(PLAIN), { handle: true }, watch()), 'a handle on the channel');
    assert.equal(judge(lines(HANDLE), {}, watch()), "a forged message 'NODE_HANDLE'");
    assert.equal(judge(lines(ACK), { awaitsAck: true }, watch()), "a forged message 'NODE_HANDLE_ACK'");
  });

  test('passes one acknowledgement for each handle that Node waits for', () => {
    assert.equal(judge(lines(ACK, PLAIN), { awaitsAck: true }), undefined);
    assert.equal(judge(lines({ cmd: 'NODE_HANDLE_NACK' }), { awaitsAck: true }), undefined);
    assert.equal(judge(lines(ACK)), 'an acknowledgement of nothing');
    assert.equal(judge(lines(ACK, ACK), { awaitsAck: true }), 'an acknowledgement of nothing');
  });

  test('passes a handle with the message that takes it, wherever that is cut', () => {
    const bytes = lines(HANDLE);
    for (let cut = 1; cut < bytes.length; cut += 1) {
      const watch = new LineWatch(1000, true);
      const first = Buffer.concat([lines(PLAIN), bytes.subarray(0, cut)]);
      assert.equal(judge(first, { handle: true }, watch), undefined);
      assert.equal(judge(Buffer.concat([bytes.subarray(cut), bytes]), { handle: true }, watch), undefined);
    }
    assert.equal(judge(bytes), undefined, 'the handle may be lost');
  });

  test('names a handle with a message that takes none, which would never be closed', () => {
    const without = 'a handle with a message that takes none';
    assert.equal(judge(lines(PLAIN), { handle: true }), without);
    assert.equal(judge(lines(HANDLE, PLAIN), { handle: true }), without);
    const late = new LineWatch(1000, true);
    assert.equal(judge(lines(PLAIN).subarray(0, 5), { handle: true }, late), undefined);
    assert.equal(judge(lines(PLAIN).subarray(5), {}, late), without);
    for (const rest of [lines(HANDLE).subarray(5), lines(HANDLE).subarray(5, 9)]) {
      const middle = new LineWatch(1000, true);
      assert.equal(judge(lines(HANDLE).subarray(0, 5), {}, middle), undefined);
      assert.equal(judge(rest, { handle: true }, middle), without);
    }
  });

  test('names a message of Node’s own within one with a handle, which Node would obey', () => {
    const msg = { cmd: 'NODE_CLUSTER', act: 'queryServer' };
    assert.equal(judge(lines({ ...HANDLE, msg })), "a forged message 'NODE_HANDLE'");
    assert.equal(judge(lines({ ...HANDLE, type: 'net.Socket' })), "a forged message 'NODE_HANDLE'");
  });

  test('bounds the answers that wait for a child that does not read them', () => {
    const watch = new LineWatch(1000, true);
    for (let count = 0; count < 20_000; count += 1) {
      assert.equal(judge(lines(HANDLE), { answersWait: true }, watch), undefined);
    }
    assert.equal(judge(lines(HANDLE), { answersWait: true }, watch), 'more messages than it takes answers');
    const reading = new LineWatch(1000, true);
    for (let count = 0; count < 50_000; count += 1) {
      assert.equal(judge(lines(HANDLE), { answersWait: count % 1000 > 0 }, reading), undefined);
    }
  });
});
