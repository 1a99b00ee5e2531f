import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { encodeFrame, FrameKind } from './frame.js';
import { FrameCutter } from './frame-cutter.js';

function bytesOf(...payloads: string[]): Buffer {
  return Buffer.from(
    payloads.map((payload) => encodeFrame(FrameKind.message, payload, false)).join(''),
    'latin1',
  );
}

/** What it gives until it waits for more. */
function drain(cutter: FrameCutter): string[] {
  const given: string[] = [];
  for (let frame = cutter.next(); frame !== undefined; frame = cutter.next()) {
    if (typeof frame === 'string') return [...given, `fault: ${frame}`];
    given.push(frame.payload.toString('latin1'));
  }
  return given;
}

void describe('FrameCutter', () => {
  void it('gives the same frames however their bytes come', () => {
    const payloads = ['', 'a', 'b'.repeat(5000), 'c'.repeat(200_000), '', 'd'];
    const bytes = bytesOf(...payloads);
    for (const step of [1, 5, 6, 7, 1000, 65_536, bytes.length]) {
      const cutter = new FrameCutter(1 << 20);
      const given: string[] = [];
      for (let at = 0; at < bytes.length; at += step) {
        cutter.push(bytes.subarray(at, at + step));
        given.push(...drain(cutter));
      }
      assert.deepEqual(given, payloads, `${step} bytes at a time`);
    }
  });

  void it('keeps what has not been taken when more comes', () => {
    const cutter = new FrameCutter(100);
    cutter.push(bytesOf('a', 'b'));
    assert.equal(cutter.ready, true);
    const first = cutter.next();
    assert.equal(typeof first === 'object' && first.payload.toString(), 'a');
    cutter.push(bytesOf('c'));
    assert.deepEqual(drain(cutter), ['b', 'c']);
    assert.equal(cutter.ready, false);
  });

  void it('says that a handle is announced', () => {
    const cutter = new FrameCutter(100);
    cutter.push(Buffer.from(encodeFrame(FrameKind.handBack, 'x', true), 'latin1'));
    const frame = cutter.next();
    assert.equal(typeof frame === 'object' && frame.handleLost, true);
  });

  void it('gives what came before a fault, and the fault from then on', () => {
    const faults = [
      ['a frame of 101 bytes', [0, 0, 0, 101, FrameKind.message, 0]],
      ['a frame of unknown kind 77', [0, 0, 0, 1, 77, 0]],
      ['a frame with unknown flags 2', [0, 0, 0, 1, FrameKind.message, 2]],
    ] as const;
    for (const [fault, header] of faults) {
      const cutter = new FrameCutter(100);
      cutter.push(Buffer.concat([bytesOf('good'), Buffer.from(header)]));
      assert.deepEqual(drain(cutter), ['good', `fault: ${fault}`]);
      assert.equal(cutter.ready, true);
      assert.equal(cutter.next(), fault);
    }
  });
});
