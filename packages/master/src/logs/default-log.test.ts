import assert from 'node:assert/strict';
import { it } from 'node:test';
import { parseStampedLine, stampedLines } from './default-log.js';

const origin = { siteId: 'shop', workerId: 'shop/3', stream: 'stderr' } as const;

void it('a line of the default log has its time, stream and worker before it, and can be read again', () => {
  const texts = ['one', '', '  zwölf €', 'out shop/4 x'];
  const lines = stampedLines(
    Buffer.from(texts.map((text) => `${text}\n`).join('')),
    origin,
    Date.UTC(2026, 10, 27, 8, 15),
  );
  const time = '2026-11-27T08:15:00.000Z';
  const written = lines.toString().split('\n');
  assert.deepEqual(written, [...texts.map((text) => `${time} err shop/3 ${text}`), '']);
  for (const [index, text] of texts.entries()) {
    assert.deepEqual(parseStampedLine(written[index] ?? ''), {
      time,
      stream: 'stderr',
      workerId: 'shop/3',
      text,
    });
  }
});

void it('a line of another kind is none', () => {
  for (const line of ['', 'vhostd: 3 lines (120 bytes) were lost here', '2026-11-27T08:15:00.000Z out']) {
    assert.equal(parseStampedLine(line), undefined);
  }
});
