import assert from 'node:assert/strict';
import { it } from 'node:test';
import { accessLine } from './access-line.js';
import type { Answered } from './access-line.js';

const NOW = Date.parse('2026-11-27T08:25:40.749Z');
const ANSWERED: Answered = {
  address: '::ffff:10.0.0.1',
  method: 'GET',
  url: '/a?b=c',
  version: '1.1',
  headers: { referer: 'http://x.test/', 'user-agent': 'curl/8' },
  host: 'a.test',
  status: 200,
  bytes: 12,
  durationMs: 1.23456,
};

void it('a line is as Apache and nginx write it, or an object', () => {
  assert.equal(
    accessLine(ANSWERED, 'combined', NOW),
    '10.0.0.1 - - [27/Nov/2026:08:25:40 +0000] "GET /a?b=c HTTP/1.1" 200 12 "http://x.test/" "curl/8"\n',
  );
  assert.equal(
    accessLine({ ...ANSWERED, address: undefined, headers: {} }, 'combined', NOW + 86_400_000),
    '- - - [28/Nov/2026:08:25:40 +0000] "GET /a?b=c HTTP/1.1" 200 12 "-" "-"\n',
  );
  assert.deepEqual(JSON.parse(accessLine(ANSWERED, 'json', NOW)), {
    time: '2026-11-27T08:25:40.749Z',
    address: '10.0.0.1',
    method: 'GET',
    url: '/a?b=c',
    version: '1.1',
    host: 'a.test',
    status: 200,
    bytes: 12,
    durationMs: 1.235,
    referer: 'http://x.test/',
    userAgent: 'curl/8',
  });
});

void it('no client can end a line, leave its field, or write without a bound', () => {
  const headers = { referer: 'a"b\\c', 'user-agent': 'x\n10.0.0.2 - - é' };
  assert.equal(
    accessLine({ ...ANSWERED, headers, url: '/"\r\n' }, 'combined', NOW)
      .split(' "')
      .slice(1)
      .join(' "'),
    String.raw`GET /\x22\x0D\x0A HTTP/1.1" 200 12 "a\x22b\x5Cc" "x\x0A10.0.0.2 - - \xC3\xA9"` + '\n',
  );
  const json = accessLine({ ...ANSWERED, headers, url: '/\n' }, 'json', NOW);
  assert.equal(json.indexOf('\n'), json.length - 1);
  assert.ok(accessLine({ ...ANSWERED, url: '/'.repeat(1e6) }, 'combined', NOW).length < 17_000);
});
