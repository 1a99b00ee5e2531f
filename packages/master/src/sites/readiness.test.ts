import assert from 'node:assert/strict';
import { test } from 'node:test';
import { missingOf } from './readiness.js';

const BOOM = { code: 'ERR_WORKER_FAILED', message: 'boom' };

test('what is published is not missing', () => {
  const published = { siteId: 'a', published: true };
  assert.deepEqual(missingOf([published]), { siteIds: [], failure: undefined });
  assert.deepEqual(missingOf([published, { siteId: 'b', published: false }]).siteIds, ['b']);
});

test('of a site that has failed it is told that it is waited for in vain', () => {
  const failure = { code: 'ERR_SITE_WAITS', message: 'it waits for site b, which has failed: boom' };
  const missing = missingOf([
    { siteId: 'a', published: false },
    { siteId: 'b', published: false, failure: BOOM },
  ]);
  assert.deepEqual(missing, { siteIds: ['a', 'b'], failure });
});
