import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decodeHandBack, decodeHandBackAnswer, encodeHandBack, encodeHandBackAnswer } from './hand-back.js';

void describe('a connection that is handed back', () => {
  void it('keeps its number and every byte of its head', () => {
    const head = String.fromCharCode(...Array.from({ length: 256 }, (_, byte) => byte));
    for (const number of [1, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff]) {
      const payload = Buffer.from(encodeHandBack({ number, head }), 'latin1');
      assert.deepEqual(decodeHandBack(payload), { number, head });
    }
  });

  void it('may have no head', () => {
    const payload = Buffer.from(encodeHandBack({ number: 7, head: '' }), 'latin1');
    assert.deepEqual(decodeHandBack(payload), { number: 7, head: '' });
  });

  void it('is none without its number', () => {
    assert.equal(decodeHandBack(Buffer.alloc(3)), undefined);
  });
});

void describe('the answer to a hand-back', () => {
  void it('says whether the connection was taken', () => {
    for (const taken of [true, false]) {
      const payload = Buffer.from(encodeHandBackAnswer({ number: 0xdead_beef, taken }), 'latin1');
      assert.deepEqual(decodeHandBackAnswer(payload), { number: 0xdead_beef, taken });
    }
  });

  void it('is none of another length or with another flag', () => {
    for (const bytes of [[], [0, 0, 0, 1], [0, 0, 0, 1, 2], [0, 0, 0, 1, 1, 0]]) {
      assert.equal(decodeHandBackAnswer(Buffer.from(bytes)), undefined);
    }
  });
});
