import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { inOrder, SiteLog } from './site-log.js';
import type { LogFilter, LogSource } from './site-log.js';

let directory: string;
let source: LogSource;
beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'vhostd-site-log-'));
  const file = path.join(directory, 'shop.log');
  source = { siteId: 'shop', file, streams: ['stdout', 'stderr'] };
  const lines = [
    '2026-11-27T08:00:00.000Z out shop/1 hello',
    '2026-11-27T08:00:01.000Z err shop/1 trouble one',
    'vhostd: 3 lines (120 bytes) were lost here, because this log could not be written',
    '2026-11-27T08:00:02.000Z out shop/2 trouble two',
  ];
  writeFileSync(file, `${lines.join('\n')}\n`);
});
afterEach(() => rmSync(directory, { recursive: true }));

void describe('SiteLog', () => {
  void it('gives the last lines with all that is known of them', () => {
    assert.deepEqual(read({}, 2), [
      {
        siteId: 'shop',
        line: 'vhostd: 3 lines (120 bytes) were lost here, because this log could not be written',
      },
      {
        siteId: 'shop',
        line: 'trouble two',
        time: '2026-11-27T08:00:02.000Z',
        workerId: 'shop/2',
        stream: 'stdout',
      },
    ]);
  });

  void it('knows the lines of a log with JSON, and takes what an app prints alike for a line', () => {
    const line = { time: '2026-11-27T08:00:03.000Z', stream: 'stderr', workerId: 'shop/1', line: 'no {"x"}' };
    const other = '{"time":"2026-11-27T08:00:04.000Z","msg":"hello"}';
    appendFileSync(source.file, `${JSON.stringify(line)}\n${other}\n{"time":"\n`);
    assert.deepEqual(read({}, 3), [
      { siteId: 'shop', ...line },
      { siteId: 'shop', line: other },
      { siteId: 'shop', line: '{"time":"' },
    ]);
  });

  void it('gives only what is wanted, and as much of that as is asked for', () => {
    const texts = (filter: Partial<LogFilter>, count: number): string[] =>
      read(filter, count).map(({ line }) => line);
    assert.deepEqual(texts({ err: true }, 10), ['trouble one']);
    assert.deepEqual(texts({ grep: /trouble/u }, 10), ['trouble one', 'trouble two']);
    assert.deepEqual(texts({ grep: /trouble/u }, 1), ['trouble two']);
    assert.deepEqual(texts({ since: '2026-11-27T08:00:01.000Z' }, Infinity), ['trouble one', 'trouble two']);
    assert.deepEqual(texts({ err: true, grep: /hello/u }, 10), []);
  });

  void it('knows the stream of a plain file that gets only one', () => {
    source = { ...source, file: path.join(directory, 'err.log'), streams: ['stderr'] };
    appendFileSync(source.file, 'plain\n');
    assert.deepEqual(read({ err: true }, 1), [{ siteId: 'shop', line: 'plain', stream: 'stderr' }]);
  });

  void it('several are one stream in the order of time', () => {
    const entry = (siteId: string, line: string, time?: string): ReturnType<SiteLog['last']>[number] => ({
      siteId,
      line,
      ...(time === undefined ? {} : { time }),
    });
    const merged = inOrder([
      [entry('a', '1', '2026-01-01T00'), entry('a', '1+'), entry('a', '4', '2026-01-04T00')],
      [entry('b', '2', '2026-01-02T00'), entry('b', '3', '2026-01-03T00')],
    ]);
    assert.deepEqual(
      merged.map(({ line }) => line),
      ['1', '1+', '2', '3', '4'],
    );
  });
});

function read(filter: Partial<LogFilter>, count: number): ReturnType<SiteLog['last']> {
  const log = new SiteLog(source, { err: false, ...filter });
  try {
    return log.last(count);
  } finally {
    log.close();
  }
}
