import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseSite } from './parse-conf.js';
import { checkTrust } from './trust.js';

function refusal(fields: object, type: 'pipe' | 'ipc' = 'ipc'): string | undefined {
  const conf = parseSite({ siteId: 'shop', path: '/srv/shop', ...fields }, { baseDir: '/' });
  return checkTrust(conf, type)?.message;
}

test('a site with a user of its own or an allow is not run over ipc, unless it is said to be trusted', () => {
  const fences: [fields: object, fence: RegExp][] = [
    [{ workerOptions: { uid: 2001 } }, /^site shop has a user of its own,/],
    [{ workerOptions: { gid: 2001 } }, /^site shop has a user of its own,/],
    [{ allow: { hosts: ['a.test'] } }, /^site shop has an allow,/],
    [{ allow: { ports: [80] } }, /^site shop has an allow,/],
    [{ allow: { ipaddresses: ['127.0.0.1'] } }, /^site shop has an allow,/],
    [{ allow: { cpuLen: 0 } }, /^site shop has an allow,/],
  ];
  for (const [fields, fence] of fences) {
    assert.match(refusal(fields) ?? '', fence);
    assert.match(refusal({ ...fields, trusted: false }) ?? '', fence);
    assert.equal(refusal({ ...fields, trusted: true }), undefined);
    assert.equal(refusal(fields, 'pipe'), undefined);
  }
});

test('a site that nothing keeps apart is run over ipc', () => {
  assert.equal(refusal({}), undefined);
  assert.equal(refusal({ allow: {} }), undefined);
});
