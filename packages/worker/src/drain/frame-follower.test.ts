import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FrameFollower } from './frame-follower.js';

const ANSWER = Buffer.from('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nX: \r\r\n\r\n');

/** A frame of a server: opcode, length of the payload, and whether it is masked, which no server should do. */
function frame(opcode: number, length: number, masked = false): Buffer {
  const head = [0x80 | opcode];
  const mask = masked ? 0x80 : 0;
  if (length < 126) head.push(mask | length);
  else if (length < 65_536) head.push(mask | 126, length >> 8, length & 255);
  else
    head.push(mask | 127, 0, 0, 0, 0, length >>> 24, (length >> 16) & 255, (length >> 8) & 255, length & 255);
  if (masked) head.push(1, 2, 3, 4);
  // Payload that looks like a close frame, and like the end of a head.
  return Buffer.concat([Buffer.from(head), Buffer.alloc(length, Buffer.from([0x88, 0x02, 13, 10, 13, 10]))]);
}

const FRAMES = [
  frame(1, 0),
  frame(1, 5),
  frame(2, 125),
  frame(2, 126),
  frame(2, 300, true),
  frame(9, 3),
  frame(2, 65_535),
  frame(2, 70_000),
];

test('a frame is whole when its last byte has come, however it is cut', () => {
  for (const size of [1, 2, 3, 7, 64, 1000, 65_000, Infinity]) {
    const follower = new FrameFollower();
    push(follower, ANSWER, size);
    assert.equal(follower.atBoundary, true);
    for (const one of FRAMES) {
      push(follower, one.subarray(0, -1), size);
      assert.equal(follower.atBoundary, false, `${one.length} bytes in pieces of ${size}`);
      follower.push(one.subarray(-1));
      assert.equal(follower.atBoundary, true, `${one.length} bytes in pieces of ${size}`);
    }
    assert.equal(follower.closed, false);
  }
});

test('many frames in one piece, and the first behind the answer, are all seen', () => {
  const follower = new FrameFollower();
  follower.push(Buffer.concat([ANSWER, ...FRAMES]));
  assert.deepEqual([follower.atBoundary, follower.closed], [true, false]);
  follower.push(Buffer.concat([frame(1, 3), frame(8, 2)]));
  assert.deepEqual([follower.atBoundary, follower.closed], [true, true]);
});

test('there is no boundary before the answer is whole, nor behind one that is no upgrade', () => {
  const follower = new FrameFollower();
  push(follower, ANSWER.subarray(0, -1), 1);
  assert.equal(follower.atBoundary, false);
  const refused = new FrameFollower();
  refused.push(Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'));
  refused.push(frame(8, 2));
  assert.deepEqual([refused.atBoundary, refused.closed], [false, false]);
});

function push(follower: FrameFollower, bytes: Buffer, size: number): void {
  for (let at = 0; at < bytes.length; at += size) follower.push(bytes.subarray(at, at + size));
}
