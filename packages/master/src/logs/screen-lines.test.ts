import assert from 'node:assert/strict';
import { it } from 'node:test';
import { screenLines } from './screen-lines.js';

const origin = { siteId: 'shop', workerId: 'shop/3', stream: 'stderr' } as const;

void it('a line on a terminal bears the name of its site, keeps its colours to itself, and steers nothing', () => {
  const hostile = 'a\u{1b}[2J\u{1b}]0;title\u{7}b\u{9b}c\u{202e}d\r\n\u{1b}[31mred\ttab\nplain\n';
  assert.equal(screenLines(Buffer.from(hostile), origin, true).toString(), SAFE);
  assert.equal(screenLines(Buffer.from('\u{1b}[2J\n'), origin, false).toString(), 'shop | \u{1b}[2J\n');
});

const SAFE =
  'shop | a\\u{1b}[2J\\u{1b}]0;title\\u{7}b\\u{9b}c\\u{202e}d\n' +
  'shop | \u{1b}[31mred\ttab\u{1b}[0m\n' +
  'shop | plain\n';
