import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CLEAR_LINE, terminalLogLine } from './log-line.js';

void test('a line has its time of day, level, part and event, then its fields', () => {
  const time = new Date(2026, 0, 2, 3, 4, 5).toISOString();
  const json = JSON.stringify({
    level: 40,
    time,
    pid: 7,
    name: 'master',
    event: 'site.failed',
    siteId: 'shop',
    message: 'no "database"\u001b[31m',
  });
  assert.equal(
    terminalLogLine(`${json}\n`),
    `${CLEAR_LINE}03:04:05 warn master site.failed siteId=shop message="no \\"database\\"\\u001b[31m"\n`,
  );
});

void test('control characters that JSON leaves as they are do not get through, nor do those in names', () => {
  const line = terminalLogLine(JSON.stringify({ level: 30, time: 0, 'a\u009b': 'x\u009b31m' }));
  assert.ok(!/[\u007f-\u009f]/u.test(line), JSON.stringify(line));
  assert.equal(line.lastIndexOf('\u001b'), CLEAR_LINE.indexOf('\u001b'));
});

void test('of an error there is its message and its code', () => {
  const error = { code: 'ERR_X', message: 'no database', stack: 'at …' };
  assert.match(terminalLogLine(JSON.stringify({ time: 0, error })), / error="no database" \(ERR_X\)\n$/);
});

void test('what is no JSON stays as it is', () => {
  assert.equal(terminalLogLine('plain\n'), 'plain\n');
});
