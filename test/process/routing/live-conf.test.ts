// A site's workers change its hosts, ports and worker count while it runs, and whoever is connected notices nothing.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { askSite, get, seenBy } from '../../kit/ask-site.js';
import { siteFile, startVhostd } from '../../kit/start-vhostd.js';
import { WireClient } from '../../kit/wire-client.js';
import { entries, steered, tryUpdate, update } from './steering.js';

test('two sites whose workers change their conf', async (t) => {
  const vhostd = await startVhostd(t, { sites: [steered('a', ['a.test']), steered('b', ['b.test'])] });
  const port = await vhostd.port();
  const ask = async (host: string): Promise<string> => {
    const answer = await get(port, host);
    return answer.status === 200 ? seenBy(answer).siteId : String(answer.status);
  };

  await t.test(
    'hosts come and go: an exact one before a suffix, the longer suffix before the shorter',
    async () => {
      assert.deepEqual([await ask('a.test'), await ask('x.a.test')], ['a', '421']);
      await update(vhostd, 'b', { listen: entries(['b.test', '*.a.test']) });
      assert.deepEqual(
        [await ask('a.test'), await ask('x.a.test'), await ask('y.x.a.test')],
        ['a', 'b', 'b'],
      );
      await update(vhostd, 'a', { listen: entries(['a.test', 'x.a.test', '*.x.a.test']) });
      assert.deepEqual(
        [await ask('x.a.test'), await ask('y.x.a.test'), await ask('y.a.test')],
        ['a', 'a', 'b'],
      );
      await update(vhostd, 'b', { listen: entries(['b.test']) });
      assert.deepEqual(
        [await ask('y.a.test'), await ask('x.a.test'), await ask('b.test')],
        ['421', 'a', 'b'],
      );
      await update(vhostd, 'a', { listen: entries(['a.test']) });
      assert.deepEqual(
        [await ask('a.test'), await ask('x.a.test'), await ask('y.x.a.test')],
        ['a', '421', '421'],
      );
      assert.deepEqual((await vhostd.site('a')).hosts, ['a.test']);
    },
  );

  await t.test(
    'a listener opens with the first site that needs it and closes with the last; what is in work is answered',
    async () => {
      const listening = await update(vhostd, 'a', {
        listen: [...entries(['a.test']), ...entries(['a.test'], '127.0.0.2')],
      });
      assert.deepEqual(listening.map(({ address }) => address).toSorted(), ['127.0.0.1', '127.0.0.2']);
      const second = listening.find(({ address }) => address === '127.0.0.2')?.port ?? 0;
      const host = '127.0.0.2';
      assert.equal((await askSite(second, 'a.test', '/', { host })).siteId, 'a');
      assert.equal((await get(second, 'b.test', '/', { host })).status, 421);

      const shared = await update(vhostd, 'b', {
        listen: [...entries(['b.test']), ...entries(['b.test'], '127.0.0.2')],
      });
      assert.equal(shared.find(({ address }) => address === '127.0.0.2')?.port, second);
      const kept = await WireClient.open(second, { host });
      const request = 'GET / HTTP/1.1\r\nHost: a.test\r\n\r\n';
      kept.send(request);
      const { pid } = seenBy(await kept.answer());
      const { handedOff } = (await vhostd.status()).counts;
      const working = await WireClient.open(second, { host });
      working.send('GET /slow/3000 HTTP/1.1\r\nHost: a.test\r\n\r\n');
      await vhostd.until('the request is in work', ({ counts }) => counts.handedOff > handedOff);

      await update(vhostd, 'a', { listen: entries(['a.test']) });
      assert.equal((await get(second, 'a.test', '/', { host })).status, 421);
      assert.equal((await askSite(second, 'b.test', '/', { host })).siteId, 'b');
      await update(vhostd, 'b', { listen: entries(['b.test']) });
      await assert.rejects(get(second, 'b.test', '/', { host }), { code: 'ECONNREFUSED' });
      assert.equal(seenBy(await working.answer()).pid, pid);
      // Nobody has the host there any more.
      for (const client of [kept, working]) {
        client.send(request);
        assert.equal((await client.answer()).status, 421);
        client.close();
      }
      assert.equal((await askSite(port, 'a.test')).siteId, 'a');
      const events = vhostd.events
        .filter(({ data }) => JSON.stringify(data).includes('127.0.0.2'))
        .map(({ event }) => event);
      assert.deepEqual(events, ['server::listening', 'server::close']);
      assert.equal((await vhostd.status()).listeners.length, 1);
    },
  );

  await t.test(
    'a default site gets every host that nobody claims, and there is one for a listener',
    async () => {
      await update(vhostd, 'b', { defaultListen: true });
      assert.deepEqual([await ask('a.test'), await ask('nobody.test'), await ask('b.test')], ['a', 'b', 'b']);
      for (const claim of [{ defaultListen: true }, { listen: [{ port: 0, ipaddress: '127.0.0.1' }] }]) {
        const outcome = await tryUpdate(vhostd, 'a', claim);
        assert.ok('error' in outcome);
        assert.equal(outcome.error.code, 'ERR_ROUTE_CONFLICT');
        assert.deepEqual([outcome.error.info['holder'], outcome.error.info['claimant']], ['b', 'a']);
      }
      assert.deepEqual([await ask('a.test'), await ask('nobody.test')], ['a', 'b']);
      await update(vhostd, 'b', { defaultListen: false });
      assert.equal(await ask('nobody.test'), '421');
      await update(vhostd, 'a', { listen: [...entries(['a.test']), { port: 0, ipaddress: '127.0.0.1' }] });
      assert.deepEqual([await ask('nobody.test'), await ask('b.test')], ['a', 'b']);
    },
  );

  await t.test('the number of workers goes up and down under load without a failed request', async () => {
    const { refused } = (await vhostd.status()).counts;
    let busy = true;
    const pids = new Set<number>();
    let count = 0;
    const client = async (): Promise<void> => {
      while (busy) {
        pids.add((await askSite(port, 'a.test', '/slow/5')).pid);
        count += 1;
      }
    };
    const clients = Promise.all(Array.from({ length: 8 }, client));
    for (const cpuLen of [3, 1, 2, 1]) {
      await update(vhostd, 'a', { cpuLen });
      await vhostd.until(`${cpuLen} workers, which all have answered`, ({ sites }) => {
        const workers = sites.find(({ siteId }) => siteId === 'a')?.workers ?? [];
        const answered = workers.every(({ state, pid = 0 }) => state === 'ready' && pids.has(pid));
        return workers.length === cpuLen && answered;
      });
    }
    busy = false;
    await clients;
    t.diagnostic(`${count} requests to ${pids.size} processes, none failed`);
    assert.ok(pids.size >= 3);
    assert.deepEqual((await vhostd.status()).counts.refused, refused);
  });
});

test('two sites of a conf that claim one default: the second does not start, and is told why', async (t) => {
  const sites = [
    steered('a', ['a.test'], { defaultListen: true }),
    steered('b', ['b.test'], { defaultListen: true }),
  ];
  await assert.rejects(
    startVhostd(t, { sites }),
    /"siteId":"b","error":\{"code":"ERR_ROUTE_CONFLICT".*site a/,
  );
});

test('a site without a conf of its own listens where its code says while it loads', async (t) => {
  const vhostd = await startVhostd(t, {
    sites: [
      {
        siteId: 'self',
        workerFile: siteFile('self-made', import.meta.url),
        listen: undefined,
        cpuLen: undefined,
      },
    ],
  });
  assert.equal((await askSite(await vhostd.port(), 'self.test')).siteId, 'self');
  const status = await vhostd.until(
    'it has as many workers as it asked for',
    ({ sites: [self] }) => self?.workers.filter(({ state }) => state === 'ready').length === 2,
  );
  assert.deepEqual(status.sites[0]?.hosts, ['self.test']);
});

test('a site whose worker asks for no workers sleeps until its next connection, and others serve on', async (t) => {
  const vhostd = await startVhostd(t, {
    sites: [steered('a', ['a.test'], { idleStop: '100ms' }), { siteId: 'b' }],
  });
  const port = await vhostd.port();
  // As long as it is open, the worker stays.
  const client = await WireClient.open(port);
  client.send('GET / HTTP/1.1\r\nHost: a.test\r\n\r\n');
  await client.answer();
  await update(vhostd, 'a', { cpuLen: 0 });
  client.close();
  await vhostd.until('its worker is gone', ({ sites: [a] }) => a?.workers.length === 0);
  assert.equal((await vhostd.site('a')).state, 'idle');
  assert.equal((await askSite(port, 'b.test')).siteId, 'b');
  assert.equal((await get(port, 'a.test')).status, 200);
  assert.deepEqual((await vhostd.status()).counts.refused, {});
});
