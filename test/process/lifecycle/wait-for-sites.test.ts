// A site's code that waits for other sites.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { until } from '../../kit/until.js';
import { Recording } from './recording.js';

void it('in started waits until they are published, without being published itself', async (t) => {
  const recording = await Recording.start(t);
  const { vhostd } = recording;
  recording.set('hold-b');
  await recording.load({ siteId: 'b' });
  await recording.load({
    siteId: 'a',
    workerOptions: { env: { WAIT_FOR: '["b","base"]', WAIT_MS: '60000' } },
  });
  await until('it waits', () => {
    const value = recording.events();
    return { done: value.some(({ siteId, event }) => siteId === 'a' && event === 'starting'), value };
  });
  assert.equal((await vhostd.site('a')).state, 'booting');
  recording.unset('hold-b');
  await vhostd.until('it runs', ({ sites: [, , a] }) => a?.state === 'running');
  const started = recording.events().flatMap(({ siteId, event }) => (event === 'started' ? [siteId] : []));
  assert.deepEqual(started, ['b', 'a']);
});

void it('fails its boot when it is too late, naming what is missing and why', async (t) => {
  const recording = await Recording.start(t);
  recording.set('fail-b');
  await recording.load({ siteId: 'b' });
  await recording.vhostd.until('b has failed', ({ sites: [, b] }) => (b?.workers[0]?.restarts ?? 0) > 2);
  await recording.load({ siteId: 'a', workerOptions: { env: { WAIT_FOR: '["b","base"]', WAIT_MS: '200' } } });
  const { sites } = await recording.vhostd.until(
    'a has failed',
    ({ sites: [, , a] }) => a?.reason !== undefined,
  );
  assert.equal(sites[2]?.reason, 'not published within 200ms: b (the database is not there)');
});

void it('is answered at once for sites that are published, refused for sites that are not there', async (t) => {
  const recording = await Recording.start(t, [{ siteId: 'a' }]);
  const { vhostd } = recording;
  assert.equal(await vhostd.callSite('a', 'wait', { siteIds: ['base', 'a'] }), 'published');
  assert.equal(await vhostd.callSite('a', 'wait', { siteIds: [] }), 'published');
  await assert.rejects(vhostd.callSite('a', 'wait', { siteIds: ['base', 'nobody'] }), {
    code: 'ERR_SITE_UNKNOWN',
    message: /"nobody"/,
  });
  for (const params of [
    { siteIds: [5] },
    { siteIds: ['a'], timeoutMs: -1 },
    { siteIds: ['a'], timeoutMs: 'x' },
  ]) {
    await assert.rejects(vhostd.callSite('a', 'wait', params), { code: 'ERR_CALL_INVALID' });
  }
  assert.deepEqual(await vhostd.callSite('a', 'waitByCallback', 'base'), [null, null]);
  recording.set('hold-b');
  await recording.load({ siteId: 'b' });
  assert.deepEqual(await vhostd.callSite('a', 'waitByCallback', 'b'), ['ERR_SITE_WAIT_TIMEOUT', null]);
  const waiting = vhostd.callSite('a', 'wait', { siteIds: ['b'] });
  recording.unset('hold-b');
  assert.equal(await waiting, 'published');
});
