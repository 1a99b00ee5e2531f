import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decodeHandBackAnswer, encodeHandBackAnswer } from './hand-back-answer.js';

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
