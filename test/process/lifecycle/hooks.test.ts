// The hooks of a site around being published and being withdrawn.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { get } from '../../kit/ask-site.js';
import { isAlive } from '../../kit/processes.js';
import { until } from '../../kit/until.js';
import { WireClient } from '../../kit/wire-client.js';
import { Recording } from './recording.js';

/** Opens a connection that sends one request. */
async function ask(port: number, path: string): Promise<WireClient> {
  const client = await WireClient.open(port);
  client.send(`GET ${path} HTTP/1.1\r\nHost: a.test\r\n\r\n`);
  return client;
}

async function pidOf({ vhostd }: Recording): Promise<number> {
  const [worker] = await vhostd.workers('a');
  return worker?.pid ?? 0;
}

void describe('a site that starts', () => {
  void it('runs its hooks in order, and gets what came meanwhile once started has resolved', async (t) => {
    const recording = await Recording.start(t);
    const { vhostd } = recording;
    recording.set('hold-a');
    await recording.load({ siteId: 'a' });
    await until('started runs', () => {
      const value = recording.events();
      return { done: value.some(({ event }) => event === 'starting'), value };
    });
    const port = await vhostd.port();
    const clients = await Promise.all(Array.from({ length: 5 }, (_, index) => ask(port, `/${index}`)));
    await vhostd.until('five wait', ({ sites }) => sites[1]?.parked === 5);
    assert.equal((await vhostd.site('a')).state, 'booting');
    assert.deepEqual(
      recording.events().map(({ event }) => event),
      ['loaded', 'merged', 'created', 'starting'],
    );
    recording.unset('hold-a');
    const pids = new Set<string>();
    for (const client of clients) {
      pids.add((await client.answer()).body.toString());
      client.close();
    }
    const pid = await pidOf(recording);
    assert.deepEqual([...pids], [String(pid)]);
    const events = recording.namesOf(pid);
    assert.deepEqual(events.slice(0, 5), ['loaded', 'merged', 'created', 'starting', 'started']);
    const requests = events.filter((event) => event.startsWith('request'));
    assert.deepEqual(
      requests.toSorted(),
      ['/0', '/1', '/2', '/3', '/4'].map((url) => `request ${url}`),
    );
  });

  void it('and fails says why, is tried again, and comes up when it can', async (t) => {
    const recording = await Recording.start(t);
    const { vhostd } = recording;
    recording.set('fail-a');
    await recording.load({ siteId: 'a' });
    const [, site] = (
      await vhostd.until(
        'it has failed more than once',
        ({ sites: [, a] }) => (a?.workers[0]?.restarts ?? 0) > 1,
      )
    ).sites;
    assert.equal(site?.reason, 'the database is not there');
    // Of itself, or of the one that it replaces.
    assert.match(site?.workers[0]?.reason ?? '', /^(replaced a\/\d+: )?the database is not there$/);
    recording.unset('fail-a');
    const { sites } = await vhostd.until('it runs', ({ sites: [, a] }) => a?.state === 'running');
    assert.equal(sites[1]?.reason, undefined);
    // `stopped` is for those that were started.
    const events = recording.events();
    assert.equal(
      events.some(({ event }) => event === 'stopping'),
      false,
    );
    assert.equal(events.filter(({ event }) => event === 'started').length, 1);
  });

  for (const [hook, at] of [
    ['created', 'created'],
    ['merged', 'merged'],
  ]) {
    void it(`may not take its time in ${hook}`, async (t) => {
      const recording = await Recording.start(t);
      await recording.load({ siteId: 'a', workerOptions: { env: { ASYNC_HOOK: hook ?? '' } } });
      const { sites } = await recording.vhostd.until(
        'it has failed',
        ({ sites: [, a] }) => a?.reason !== undefined,
      );
      assert.equal(sites[1]?.reason, `'${hook}' is synchronous and must not return a promise`);
      assert.equal(
        recording.events().some(({ event }) => event === 'started'),
        false,
      );
      assert.ok(recording.events().some(({ event }) => event === at));
    });
  }
});

void describe('a site that is reloaded', () => {
  void it('stops the old worker in order: no new connection, the old ones to their end, stopped, exit', async (t) => {
    const recording = await Recording.start(t, [{ siteId: 'a' }]);
    const { vhostd } = recording;
    const port = await vhostd.port();
    const oldPid = await pidOf(recording);
    const slow = await ask(port, '/until/released');
    await until('the request is in work', () => {
      const value = recording.namesOf(oldPid);
      return { done: value.includes('request /until/released'), value };
    });
    const { sites } = await vhostd.reload('a');
    assert.deepEqual(
      sites.map(({ ok, generation }) => [ok, generation]),
      [[true, 2]],
    );
    // From here on the old worker has been told to leave.
    const newPid = await pidOf(recording);
    for (let count = 0; count < 20; count += 1) {
      assert.equal((await get(port, 'a.test', '/new')).body.toString(), String(newPid));
    }
    assert.ok(isAlive(oldPid) && !recording.namesOf(oldPid).includes('stopping'), 'it was not busy any more');
    recording.set('released');
    assert.equal((await slow.answer()).body.toString(), String(oldPid));
    await until('the old worker has gone', () => ({
      done: !isAlive(oldPid),
      value: recording.namesOf(oldPid),
    }));
    const events = recording.namesOf(oldPid);
    assert.deepEqual(events.slice(0, 5), ['loaded', 'merged', 'created', 'starting', 'started']);
    assert.deepEqual(events.slice(5), [
      'request /until/released',
      'drain',
      'closed',
      'stopping',
      'stopped',
      'exit',
    ]);
    slow.close();
  });

  void it('and fails to start is told so, and keeps its old worker', async (t) => {
    const recording = await Recording.start(t, [{ siteId: 'a' }]);
    const { vhostd } = recording;
    const oldPid = await pidOf(recording);
    recording.set('fail-a');
    const { sites } = await vhostd.reload('a');
    assert.deepEqual([sites[0]?.ok, sites[0]?.error?.code], [false, 'ERR_DATABASE']);
    assert.equal(sites[0]?.error?.message, 'the database is not there');
    const { state, generation, reason } = await vhostd.site('a');
    assert.deepEqual(
      [state, generation, reason],
      ['running', 1, 'the last reload failed, generation 1 serves on: the database is not there'],
    );
    assert.equal((await get(await vhostd.port(), 'a.test')).body.toString(), String(oldPid));
    assert.equal(recording.namesOf(oldPid).includes('drain'), false);
  });

  void it('ends an old worker whose stopped hangs', async (t) => {
    const hanging = {
      drainTimeout: '100ms',
      stopTimeout: '100ms',
      workerOptions: { env: { STOPPED_MS: '600000' } },
    };
    const recording = await Recording.start(t, [{ siteId: 'a', ...hanging }]);
    const oldPid = await pidOf(recording);
    await recording.vhostd.reload('a');
    await until('the old worker has gone', () => ({
      done: !isAlive(oldPid),
      value: recording.namesOf(oldPid),
    }));
    assert.deepEqual(recording.namesOf(oldPid).slice(-2), ['drain', 'stopping']);
    await recording.vhostd.until('it is not listed any more', ({ sites: [, a] }) => a?.workers.length === 1);
  });
});
