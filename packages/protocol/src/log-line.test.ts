import assert from 'node:assert/strict';
import { fstatSync } from 'node:fs';
import { test } from 'node:test';
import { CLEAR_LINE, isJournal, journalLogLine, terminalLogLine } from './log-line.js';

void test('a line says when, how bad, about what, what happened and why, then what else there is', () => {
  const time = new Date(2026, 0, 2, 3, 4, 5).toISOString();
  const line = { level: 40, time, pid: 7, name: 'master' };
  const failed = {
    ...line,
    event: 'site.failed',
    siteId: 'shop',
    message: 'no "database"\u001b[31m\n  at all',
    code: 'ERR_X',
  };
  assert.equal(
    terminalLogLine(`${JSON.stringify(failed)}\n`),
    `${CLEAR_LINE}03:04:05 warn shop: site failed: no "database"?[31m; at all (ERR_X)\n`,
  );
  const exited = { siteId: 'shop', workerId: 'shop/3', workerPid: 9, generation: 1, asked: false };
  assert.equal(
    terminalLogLine(
      JSON.stringify({
        ...line,
        event: 'worker.exited',
        ...exited,
        what: 'exit',
        reason: 'exited with code 1',
      }),
    ),
    `${CLEAR_LINE}03:04:05 warn shop/3: worker exited: exited with code 1\n`,
  );
  assert.equal(
    terminalLogLine(JSON.stringify({ ...line, event: 'listener.closed', address: '::', text: 'a b' })),
    `${CLEAR_LINE}03:04:05 warn master: listener closed address=:: text="a b"\n`,
  );
});

void test('control characters that JSON leaves as they are do not get through, nor do those in names', () => {
  const line = terminalLogLine(JSON.stringify({ level: 30, time: 0, 'a\u009b': 'x\u009b31m' }));
  assert.ok(!/[\u007f-\u009f]/u.test(line), JSON.stringify(line));
  assert.equal(line.lastIndexOf('\u001b'), CLEAR_LINE.indexOf('\u001b'));
});

void test('of an error there is its message and its code', () => {
  const error = { code: 'ERR_X', message: 'no database', stack: 'at …' };
  assert.match(terminalLogLine(JSON.stringify({ time: 0, error })), /: no database \(ERR_X\)\n$/);
});

void test('a line is broken between words where it is wider than the terminal', () => {
  const json = JSON.stringify({ level: 40, time: 0, siteId: 'shop', message: 'one two three four' });
  const lines = terminalLogLine(json, 30).slice(CLEAR_LINE.length).trimEnd().split('\n');
  assert.ok(
    lines.every((line) => line.length <= 30),
    lines.join('|'),
  );
  assert.match(lines.join(' ').replaceAll(/ +/gu, ' '), /warn shop: one two three four$/u);
});

void test('of an event that is called an error only the level says so', () => {
  const json = JSON.stringify({ level: 50, time: 0, name: 'daemon', event: 'error', message: 'no' });
  assert.match(terminalLogLine(json), / error daemon: no\n$/u);
});

void test('what is no JSON stays as it is', () => {
  assert.equal(terminalLogLine('plain\n'), 'plain\n');
});

void test('for the journal a line has its level before it, as syslog counts', () => {
  assert.equal(journalLogLine('{"level":40,"a":1}\n'), '<4>{"level":40,"a":1}\n');
  assert.equal(journalLogLine('{"level":50}\n'), '<3>{"level":50}\n');
  assert.equal(journalLogLine('plain\n'), '<6>plain\n');
});

void test('a descriptor is the journal if it has the device and inode that systemd names', () => {
  const { dev, ino } = fstatSync(2);
  assert.equal(isJournal(2, `${dev}:${ino}`), true);
  assert.equal(isJournal(2, `${dev}:${ino + 1}`), false);
  assert.equal(isJournal(2, undefined), false);
  assert.equal(isJournal(99_999, `${dev}:${ino}`), false);
});
