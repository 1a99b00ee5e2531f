import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decodeConnection, encodeConnection } from './connection-header.js';
import type { ConnectionHeader } from './connection-header.js';

const PLAIN: ConnectionHeader = { secure: false, peeked: false, handedBack: false };
const FULL: ConnectionHeader = {
  listener: '[::]:8080',
  client: { address: '2001:db8::1', port: 65_535 },
  server: { address: '::1', port: 443 },
  seal: '\0\u00ff seal',
  host: 'shop.example',
  secure: true,
  peeked: true,
  handedBack: true,
};
const EVERY_BYTE = String.fromCharCode(...Array.from({ length: 256 }, (_, byte) => byte));

function decode(text: string): ReturnType<typeof decodeConnection> {
  return decodeConnection(Buffer.from(text, 'latin1'));
}

/** A payload with these records: tag and value. */
function payloadOf(records: readonly [tag: number, value: string][], bytes = ''): string {
  const text = records.map(([tag, value]) => String.fromCharCode(tag, 0, value.length) + value).join('');
  return String.fromCharCode(0, 0, 0, 7, 0, text.length) + text + bytes;
}

void describe('a connection in a frame', () => {
  void it('keeps its number, each field of its header and every byte', () => {
    for (const number of [1, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff]) {
      for (const header of [PLAIN, FULL]) {
        const { secure, peeked, handedBack } = header;
        for (const flags of [
          header,
          { ...header, secure: !secure },
          { ...header, peeked: !peeked, handedBack: !handedBack },
        ]) {
          const decoded = decode(encodeConnection(number, flags, EVERY_BYTE));
          assert.deepEqual(decoded, { number, header: flags, bytes: Buffer.from(EVERY_BYTE, 'latin1') });
        }
      }
    }
  });

  void it('may have no bytes', () => {
    assert.deepEqual(decode(encodeConnection(7, FULL, '')), {
      number: 7,
      header: FULL,
      bytes: Buffer.alloc(0),
    });
  });

  void it('is refused with a header that is longer than its length can say', () => {
    assert.throws(() => encodeConnection(1, { ...PLAIN, host: 'x'.repeat(65_536) }, ''), RangeError);
  });
});

void describe('a reader of another version', () => {
  void it('skips records and flags that it does not know', () => {
    const records: [number, string][] = [
      [250, EVERY_BYTE.slice(0, 200)],
      [1, '\u00fd\u0001more'],
      [4, 'a.test'],
      [0, ''],
    ];
    assert.deepEqual(decode(payloadOf(records, 'GET')), {
      number: 7,
      header: { ...PLAIN, secure: true, handedBack: true, host: 'a.test' },
      bytes: Buffer.from('GET'),
    });
  });

  void it('does without records that an older writer does not send', () => {
    assert.deepEqual(decode(payloadOf([], 'GET')), { number: 7, header: PLAIN, bytes: Buffer.from('GET') });
    const listenerOnly = decode(payloadOf([[2, ':80']]));
    assert.deepEqual(listenerOnly?.header, { ...PLAIN, listener: ':80' });
  });
});

void describe('what is no connection', () => {
  void it('is refused: cut anywhere in its header', () => {
    const whole = Buffer.from(encodeConnection(1, FULL, ''), 'latin1');
    for (let length = 0; length < whole.length; length += 1) {
      assert.equal(decodeConnection(whole.subarray(0, length)), undefined, `${length} bytes`);
    }
  });

  void it('is refused: with records that overrun the header, or are too short for their tag', () => {
    const overrun = String.fromCharCode(0, 0, 0, 1, 0, 4, 2, 0, 9, 65);
    const cut = String.fromCharCode(0, 0, 0, 1, 0, 2, 2, 0);
    for (const text of [`${overrun} and more bytes behind`, `${cut} and more`])
      assert.equal(decode(text), undefined);
    for (const record of [
      [1, ''],
      [3, '\u0000\u0050'],
    ] as const) {
      assert.equal(decode(payloadOf([[record[0], record[1]]])), undefined);
    }
  });
});
