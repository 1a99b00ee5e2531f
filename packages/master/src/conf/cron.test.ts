import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseSite } from './parse-conf.js';
import { refusal } from './refusal.test.fixture.js';

const PROGRAM = { baseDir: '/srv' };

function cronOf(cron: unknown): unknown {
  return parseSite({ path: 'a', cron }, PROGRAM).cron;
}

void test('a cron is a pattern, alone or with its time zone', () => {
  assert.deepEqual(cronOf('0 3 * * *'), { pattern: '0 3 * * *' });
  assert.deepEqual(cronOf('*/10 * * * * *'), { pattern: '*/10 * * * * *' });
  const berlin = { pattern: '@daily', timeZone: 'Europe/Berlin' };
  assert.deepEqual(cronOf(berlin), berlin);
  assert.equal(cronOf(undefined), undefined);
});

void test('one that is wrong, or never comes, is refused with what is wrong', () => {
  const wrong: [cron: unknown, because: RegExp][] = [
    ['61 * * * *', /: Invalid value for minute: 61$/],
    ['nonsense', /: it has five fields, or six with seconds in front$/],
    ['2026-12-01T03:00:00', /: it has five fields/],
    ['0 3 * *', /space separated parts are required/],
    ['0 0 3 * * * 2027', /requires exactly 5 or 6 parts/],
    ['0 0 30 2 *', /: no day is ever like that$/],
    ['@reboot', /@reboot is not supported/],
    [{ pattern: '0 3 * * *', timeZone: 'Mars/Olympus' }, /: there is no time zone "Mars\/Olympus"$/],
  ];
  for (const [cron, because] of wrong) {
    const error = refusal(() => parseSite({ path: 'a', cron }, PROGRAM));
    assert.equal(error.code, 'ERR_CONF_CRON', JSON.stringify(cron));
    assert.match(error.message, because);
    assert.match(error.message, / is not a cron pattern such as '0 3 \* \* \*', or/);
  }
});

void test('another kind of value is refused as any', () => {
  for (const cron of [3, null, [], { timeZone: 'UTC' }, { pattern: '0 3 * * *', zone: 'UTC' }]) {
    assert.equal(refusal(() => parseSite({ path: 'a', cron }, PROGRAM)).code, 'ERR_CONF_INVALID');
  }
});
