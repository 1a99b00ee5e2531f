// Sites that are started only when those that they depend on are published.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { get } from '../../kit/ask-site.js';
import { settled } from '../../kit/start-vhostd.js';
import { WireClient } from '../../kit/wire-client.js';
import { until } from '../../kit/until.js';
import { Recording } from './recording.js';

/** The order in which sites came up: the load and the start of each. */
function order(recording: Recording): string[] {
  return recording
    .events()
    .flatMap(({ siteId, event }) =>
      event === 'loaded' || event === 'started' ? [`${siteId} ${event}`] : [],
    );
}

const CHAIN = ['c loaded', 'c started', 'b loaded', 'b started', 'a loaded', 'a started'];

void describe('sites with dependencies', () => {
  void it('are started one after the other, as soon as their turn has come', async (t) => {
    const recording = await Recording.start(t);
    const { vhostd } = recording;
    recording.set('hold-c');
    // `b` is not there yet when `a` is.
    await recording.load({ siteId: 'a', dependencies: ['b', 'base'] });
    await recording.load({ siteId: 'b', dependencies: ['c'] });
    await recording.load({ siteId: 'c' });
    const { sites } = await vhostd.until(
      'c boots',
      ({ sites: [, , , c] }) => c?.workers[0]?.state === 'booting',
    );
    assert.deepEqual(
      sites.map(({ siteId, state, waitsFor, workers }) => [siteId, state, waitsFor, workers.length]),
      [
        ['base', 'running', undefined, 1],
        ['a', 'waiting', ['b'], 0],
        ['b', 'waiting', ['c'], 0],
        ['c', 'booting', undefined, 1],
      ],
    );
    const client = await WireClient.open(await vhostd.port());
    client.send('GET / HTTP/1.1\r\nHost: a.test\r\n\r\n');
    await vhostd.until('it waits', ({ sites: [, a] }) => a?.parked === 1);
    recording.unset('hold-c');
    assert.equal((await client.answer()).status, 200);
    client.close();
    assert.deepEqual(order(recording), CHAIN);
    for (const siteId of ['a', 'b', 'c']) {
      const { state, waitsFor } = await vhostd.site(siteId);
      assert.deepEqual([state, waitsFor], ['running', undefined]);
    }
  });

  void it('are started in that order when the master starts, and stopped in the reverse one', async (t) => {
    const recording = await Recording.start(t, [
      { siteId: 'a', dependencies: ['b'], workerOptions: { env: { STOPPED_MS: '200' } } },
      { siteId: 'b', dependencies: ['c'], workerOptions: { env: { STOPPED_MS: '200' } } },
      { siteId: 'c' },
    ]);
    assert.deepEqual(order(recording), CHAIN);
    await recording.vhostd.ask('stop', false);
    await until('the master has gone', () => ({ done: !recording.vhostd.alive, value: null }));
    const stops = recording
      .events()
      .flatMap(({ siteId, event }) => (event === 'drain' || event === 'exit' ? [`${siteId} ${event}`] : []));
    assert.deepEqual(stops, ['a drain', 'a exit', 'b drain', 'b exit', 'c drain', 'c exit']);
  });

  void it('say which site keeps them from starting, and start once it comes up', async (t) => {
    const recording = await Recording.start(t);
    const { vhostd } = recording;
    recording.set('fail-b');
    await recording.load({ siteId: 'b' });
    await recording.load({ siteId: 'a', dependencies: ['b'] });
    const { sites } = await vhostd.until('a says why', ({ sites: [, , a] }) => a?.reason !== undefined);
    assert.deepEqual(
      [sites[2]?.state, sites[2]?.waitsFor, sites[2]?.reason],
      ['waiting', ['b'], 'it waits for site b, which has failed: the database is not there'],
    );
    recording.unset('fail-b');
    await vhostd.until('a runs', ({ sites: [, , a] }) => a?.state === 'running' && a.reason === undefined);
    assert.equal((await get(await vhostd.port(), 'a.test')).status, 200);
  });

  void it('keep running when what they depend on fails later', async (t) => {
    const recording = await Recording.start(t, [{ siteId: 'b' }, { siteId: 'a', dependencies: ['b'] }]);
    const { vhostd } = recording;
    recording.set('fail-b');
    const [b] = await vhostd.workers('b');
    process.kill(b?.pid ?? 0, 'SIGKILL');
    await vhostd.until('b is down', ({ sites: [, site] }) => site?.state === 'booting');
    assert.equal((await vhostd.site('a')).state, 'running');
    assert.equal((await get(await vhostd.port(), 'a.test')).status, 200);
  });

  void it('are reloaded behind what they depend on', async (t) => {
    const recording = await Recording.start(t, [{ siteId: 'a', dependencies: ['b'] }, { siteId: 'b' }]);
    await recording.vhostd.reload();
    const before = ['b loaded', 'b started', 'a loaded', 'a started'];
    assert.deepEqual(order(recording), [...before, ...before]);
  });
});

void describe('a conf', () => {
  void it('with a cycle of dependencies is refused whole, and the old one stays in force', async (t) => {
    const recording = await Recording.start(t, [{ siteId: 'a' }, { siteId: 'b', dependencies: ['a'] }]);
    const { vhostd } = recording;
    const file = vhostd.confFile;
    const conf = JSON.parse(readFileSync(file, 'utf8')) as { sites: Record<string, unknown>[] };
    const before = await vhostd.workers('a');
    for (const { dependencies, code, message } of [
      { dependencies: ['b'], code: 'ERR_CONF_DEPENDENCY_CYCLE', message: /a → b → a/ },
      { dependencies: ['a'], code: 'ERR_CONF_DEPENDENCY_CYCLE', message: /a → a/ },
      {
        dependencies: ['base', 'c'],
        code: 'ERR_CONF_DEPENDENCY_UNKNOWN',
        message: /sites\[1\]\.dependencies\[1\]: there is no site "c"/,
      },
    ]) {
      const sites = conf.sites.map((site) => (site['siteId'] === 'a' ? { ...site, dependencies } : site));
      writeFileSync(file, JSON.stringify({ ...conf, sites }));
      await assert.rejects(vhostd.reload(), { code, message });
    }
    // One site alone, whose new conf would close the cycle with the old ones of the others.
    await assert.rejects(recording.load({ siteId: 'a', dependencies: ['b'] }), {
      code: 'ERR_CONF_DEPENDENCY_CYCLE',
      message: /a → b → a|b → a → b/,
    });
    assert.deepEqual(settled(await vhostd.workers('a')), settled(before));
    writeFileSync(file, JSON.stringify(conf));
    const { sites } = await vhostd.reload();
    assert.deepEqual(
      sites.map(({ ok }) => ok),
      [true, true, true],
    );
  });
});
