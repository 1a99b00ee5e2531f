// What cannot be routed is answered with a status and closed; nothing of it lasts, and nobody else notices.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { atEnd } from '../../kit/at-end.js';
import { askSite, get, seenBy } from '../../kit/ask-site.js';
import { selfSigned } from '../../kit/certificate.js';
import { freePort, freePorts } from '../../kit/free-port.js';
import { inParallel } from '../../kit/in-parallel.js';
import { descriptorCount } from '../../kit/processes.js';
import { openSecure } from '../../kit/secure-client.js';
import { startVhostd } from '../../kit/start-vhostd.js';
import { until } from '../../kit/until.js';
import { WireClient } from '../../kit/wire-client.js';
import { badHeads, padded } from './bad-heads.js';

const HEAD_MAX_BYTES = 2048;
const LIMITS = { headTimeout: '300ms', headMaxSize: HEAD_MAX_BYTES };
const SITE = { siteId: 'a' };

test('heads of requests', async (t) => {
  const vhostd = await startVhostd(t, { conf: { limits: { ...LIMITS, headTimeout: '20s' } }, sites: [SITE] });
  const port = await vhostd.port();

  await t.test('heads at the edge of what is allowed are served', async () => {
    const good: Record<string, string> = {
      'a head just below the limit': padded(HEAD_MAX_BYTES - 1),
      'absolute-form on HTTP/1.0': 'GET http://a.test/e HTTP/1.0\r\n\r\n',
      'absolute-form with another host':
        'GET http://a.test/e HTTP/1.1\r\nHost: b.test\r\nConnection: close\r\n\r\n',
      'a tab before a coding':
        'POST / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\nTransfer-Encoding:\tchunked\r\n\r\n0\r\n\r\n',
      'absolute-form': 'GET http://a.test/x HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n',
      'absolute-form with the default port':
        'GET http://a.test:80/x HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n',
      'HTTP/1.0 with a host': 'GET / HTTP/1.0\r\nHost: a.test\r\n\r\n',
      'another case and a port': 'GET / HTTP/1.1\r\nhOST: A.Test:8080\r\nConnection: close\r\n\r\n',
      'a trailing dot': 'GET / HTTP/1.1\r\nHost: a.test.\r\nConnection: close\r\n\r\n',
      'an empty line in front': '\r\nGET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n',
    };
    for (const [what, bytes] of Object.entries(good)) {
      const client = await WireClient.open(port);
      client.send(bytes);
      const { siteId, host } = seenBy(await client.answer());
      assert.equal(siteId, 'a', what);
      assert.match(host, /^a\.test/i, what);
      client.close();
    }
    assert.deepEqual((await vhostd.status()).counts.refused, {});
    assert.deepEqual((await vhostd.status()).counts.refusedReasons, {});
  });

  await t.test(
    'each bad head is answered with its status and closed, whole or byte by byte, and the next request works',
    async (inner) => {
      assert.equal((await askSite(port, 'a.test')).siteId, 'a');
      const before = descriptorCount(vhostd.pid);
      const refused: Record<string, number> = {};
      let count = 0;
      for (const [status, heads] of Object.entries(badHeads(HEAD_MAX_BYTES))) {
        for (const { what, bytes } of heads) {
          for (const piece of bytes.length < 200 ? [bytes.length, 1] : [bytes.length]) {
            const client = await WireClient.open(port);
            for (let from = 0; from < bytes.length; from += piece) {
              client.send(bytes.slice(from, from + piece));
              if (piece === 1) await new Promise(setImmediate);
            }
            const answer = await client.answer();
            assert.equal(answer.status, Number(status), what);
            assert.equal(answer.headers['connection'], 'close');
            assert.equal((await client.rest()).length, 0, `${what}: nothing follows`);
            client.close();
            assert.equal(seenBy(await get(port, 'a.test')).siteId, 'a', `after ${what}`);
            refused[status] = (refused[status] ?? 0) + 1;
            count += 1;
          }
        }
      }
      inner.diagnostic(`${count} refused: ${JSON.stringify(refused)}`);
      assert.deepEqual((await vhostd.status()).counts.refused, refused);
      await until('their descriptors are closed', () => {
        const value = descriptorCount(vhostd.pid);
        return { done: value <= before, value };
      });
    },
  );
});

test('a request without a host that a site could have goes to the default site, CONNECT and upgrades as well', async (t) => {
  const sites = [SITE, { siteId: 'd', defaultListen: true }];
  const vhostd = await startVhostd(t, { sites });
  const port = await vhostd.port();
  const head = (...lines: string[]): string => `${lines.join('\r\n')}\r\n\r\n`;
  const close = 'Connection: close';
  const served: [what: string, bytes: string, siteId: string][] = [
    ['sub-delimiters', head('GET / HTTP/1.1', 'Host: 0.0.0.0=5000', close), 'd'],
    ['a list', head('GET / HTTP/1.1', 'Host: a.test,a.test', close), 'd'],
    ['an encoded host', head('GET / HTTP/1.1', 'Host: a%2etest', close), 'd'],
    ['a long label', head('GET / HTTP/1.1', `Host: ${'a'.repeat(64)}.test`, close), 'd'],
    ['an absolute target', head('GET http://a.test/ HTTP/1.1', 'Host: d.test', close), 'a'],
    ['an absolute target for nobody', head('GET http://x.test/ HTTP/1.1', 'Host: a.test', close), 'd'],
    ['HTTP/1.0', head('GET / HTTP/1.0'), 'd'],
  ];
  for (const [what, bytes, siteId] of served) {
    const client = await WireClient.open(port);
    client.send(bytes);
    assert.equal(seenBy(await client.answer()).siteId, siteId, what);
    client.close();
  }
  const tunnel = await WireClient.open(port);
  tunnel.send(head('GET / HTTP/1.1', 'Connection: Upgrade', 'Upgrade: echo'));
  assert.equal((await tunnel.head(true)).status, 101);
  tunnel.close();
  // The site has no listener for 'connect': Node ends the connection without a word.
  const proxied = await WireClient.open(port);
  proxied.send(head('CONNECT a.test:443 HTTP/1.1', `Host: 127.0.0.1:${port}`));
  assert.equal((await proxied.rest()).length, 0);
  proxied.close();
  assert.deepEqual((await vhostd.status()).counts.refusedReasons, {});
});

test('a refused HEAD gets no content, and each refusal is counted by its reason', async (t) => {
  const vhostd = await startVhostd(t, { sites: [SITE] });
  const port = await vhostd.port();
  for (const [target, host] of [
    ['/', 'zz.test'],
    ['/#', 'a.test'],
  ]) {
    const client = await WireClient.open(port);
    client.send(`HEAD ${target} HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    const { headers } = await client.head();
    assert.notEqual(headers['content-length'], '0');
    assert.equal((await client.rest()).length, 0, 'no content');
    client.close();
  }
  const { counts } = await vhostd.status();
  assert.deepEqual(counts.refused, { '400': 1, '421': 1 });
  assert.deepEqual(counts.refusedReasons, { 'target-fragment': 1, 'no-site': 1 });
});

test('what a worker refuses over TLS and HTTP/2 is counted by its reason and site, also behind the end of the worker', async (t) => {
  const keys = await selfSigned('a.test');
  const metricsPort = await freePort();
  const listen = (siteId: string): object[] => [
    { type: 'ssl', host: `${siteId}.test`, port: 0, ipaddress: '127.0.0.1', ...keys },
  ];
  const http2File = new URL('./http2-echo.site.js', import.meta.url).pathname;
  const sites = [
    { siteId: 'a', cpuLen: 1, heartbeatInterval: '100ms', listen: listen('a') },
    {
      siteId: 'b',
      cpuLen: 1,
      heartbeatInterval: '100ms',
      listen: listen('b'),
      workerFile: http2File,
      workerOptions: { env: keys },
    },
  ];
  const conf = { metrics: { port: metricsPort } };
  const vhostd = await startVhostd(t, { daemon: true, conf, sites });
  const port = await vhostd.port('ssl');
  const seen = (site: string, refused: Record<string, number>): Promise<unknown> =>
    vhostd.until(`${site} tells what it refused`, (status) =>
      isDeepStrictEqual(status.sites.find(({ siteId }) => siteId === site)?.refused, refused),
    );
  const line = (site: string, status: number, reason: string, count: number): string =>
    `vhostd_http_requests_refused_total{site="${site}",status="${status}",reason="${reason}"} ${count}\n`;

  const ask = async (): Promise<void> => {
    const client = await openSecure(port, 'a.test');
    client.send('GET / HTTP/1.1\r\nHost: a.test\r\n\r\n');
    assert.equal((await client.answer()).status, 200);
    client.send('GET / HTTP/1.1\r\nHost: b.test\r\n\r\n');
    assert.equal((await client.answer()).status, 421);
    client.send('GET / HTTP/1.1\r\nHost: a.test/x\r\n\r\n');
    assert.equal((await client.answer()).status, 400);
    client.close();
  };
  await ask();
  await seen('a', { 'other-host': 1, 'host-path': 1 });
  await vhostd.reloaded('a');
  await ask();
  await seen('a', { 'other-host': 2, 'host-path': 2 });

  const session = connectHttp2(`https://127.0.0.1:${port}`, {
    servername: 'b.test',
    rejectUnauthorized: false,
  });
  atEnd(t, () => session.destroy());
  const statuses: unknown[] = [];
  for (const headers of [
    { ':authority': 'b.test' },
    { ':authority': 'a.test' },
    { ':authority': 'b.test', host: 'a.test' },
  ]) {
    const stream = session.request({ ':path': '/', ...headers });
    const [answer] = (await once(stream, 'response')) as [Record<string, unknown>];
    stream.resume();
    await once(stream, 'close');
    statuses.push(answer[':status']);
  }
  assert.deepEqual(statuses, [200, 421, 400]);
  await seen('b', { 'other-host': 1, 'host-duplicate': 1 });

  const { body } = await get(metricsPort, 'metrics', '/metrics');
  for (const expected of [
    line('a', 421, 'other-host', 2),
    line('a', 400, 'host-path', 2),
    line('b', 421, 'other-host', 1),
    line('b', 400, 'host-duplicate', 1),
  ])
    assert.ok(body.includes(expected), expected);
  const { stdout } = await vhostd.run('status');
  assert.match(stdout, /^refused +by a: 2 (?:other-host|host-path), 2 (?:other-host|host-path); by b: 1 /m);
  // What workers say is not among what the master counts itself.
  assert.deepEqual((await vhostd.status()).counts?.refused, {});
});

test('a thousand slow heads and silent connections are ended in time and a good client does not notice', async (t) => {
  const vhostd = await startVhostd(t, { conf: { limits: { ...LIMITS, headTimeout: '4s' } }, sites: [SITE] });
  const port = await vhostd.port();
  await askSite(port, 'a.test');
  const before = descriptorCount(vhostd.pid);
  const slow = { head: 0, silent: 0, vanished: 0 };
  const kinds = Array.from(
    { length: 1000 },
    (_, at) => (['head', 'silent', 'vanished', 'head'] as const)[at % 4] ?? 'head',
  );
  let busy = true;
  const good = { served: 0, late: 0 };
  const goodClients = Promise.all(
    [1, 2].map(async () => {
      while (busy) good[await promptRequest(port)] += 1;
    }),
  );
  try {
    await inParallel(kinds, 500, async (kind) => {
      const client = await WireClient.open(port);
      if (kind !== 'silent') client.send('GET / HTTP/1.1\r\nHost: a.test\r\nX-Slow: ');
      if (kind === 'vanished') {
        await delay(20);
        client.reset();
      } else if (kind === 'silent') {
        assert.equal((await client.rest()).length, 0, 'closed without a word');
      } else {
        // What comes behind the answer resets the connection, which takes along the answer of a client that is slow.
        assert.match(await answerTo(client, 'x', 50), /^(408|EPIPE|ECONNRESET)$/);
      }
      client.close();
      slow[kind] += 1;
    });
  } finally {
    busy = false;
  }
  await goodClients;
  const { counts } = await vhostd.status();
  t.diagnostic(`${JSON.stringify({ ...slow, ...good })}; refused ${JSON.stringify(counts.refused)}`);
  assert.equal(counts.refusedReasons['silent'], slow.silent);
  const { 400: vanished = 0, 408: timedOut = 0, ...others } = counts.refused;
  assert.ok(timedOut >= slow.head + slow.silent);
  assert.equal(timedOut + vanished, 1000 + good.late);
  assert.deepEqual(others, {});
  assert.ok(good.served > 0);
  await until('their descriptors are closed', () => {
    const value = descriptorCount(vhostd.pid);
    return { done: value <= before, value };
  });
});

/** The status that a client gets that goes on to send this text again and again, or the error that its connection had. */
async function answerTo(client: WireClient, text: string, intervalMs: number): Promise<string> {
  const timer = setInterval(() => client.send(text), intervalMs);
  try {
    return String((await client.answer()).status);
  } catch (error) {
    return String(Reflect.get(Object(error), 'code'));
  } finally {
    clearInterval(timer);
  }
}

/** A request that must be served, unless this process itself took too long to send it. */
async function promptRequest(port: number): Promise<'served' | 'late'> {
  const startedMs = performance.now();
  const client = await WireClient.open(port);
  client.send('GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n');
  const sentMs = performance.now() - startedMs;
  const answer = await client.answer();
  client.close();
  if (answer.status === 408 && sentMs > 500) return 'late';
  assert.equal(seenBy(answer).siteId, 'a');
  return 'served';
}

test('a head that came while the master was kept from running is not late', async (t) => {
  const vhostd = await startVhostd(t, { conf: { limits: { ...LIMITS, headTimeout: '3s' } }, sites: [SITE] });
  const port = await vhostd.port();
  const clients = await Promise.all(Array.from({ length: 20 }, () => WireClient.open(port)));
  const blocked = vhostd.ask('block', 4000);
  await delay(100);
  for (const client of clients) client.send('GET / HTTP/1.1\r\nHost: a.test\r\n\r\n');
  await blocked;
  const statuses = new Set(
    (await Promise.all(clients.map((client) => client.answer()))).map(({ status }) => status),
  );
  for (const client of clients) client.close();
  assert.deepEqual([...statuses], [200]);
});

test('of two addresses each may have a limit of its own for heads', async (t) => {
  const [quick = 0, slow = 0] = await freePorts(2);
  const entry = (port: number, headTimeout: string): object => ({ host: 'a.test', port, headTimeout });
  const sites = [{ siteId: 'a', listen: [entry(quick, '300ms'), entry(slow, '10m')] }];
  await startVhostd(t, { sites });
  const clients: WireClient[] = [];
  for (const port of [slow, quick]) {
    const client = await WireClient.open(port);
    client.send('GET / HTTP/1.1\r\nHost: a.test\r\n');
    clients.push(client);
  }
  const [patient, late] = clients as [WireClient, WireClient];
  assert.equal((await late.answer()).status, 408);
  patient.send('Connection: close\r\n\r\n');
  assert.equal(seenBy(await patient.answer()).siteId, 'a');
  for (const client of clients) client.close();
});

test('with too many unfinished heads the oldest make room', async (t) => {
  const conf = { limits: { headTimeout: '60s', peekMaxCount: 50 } };
  const vhostd = await startVhostd(t, { conf, sites: [SITE] });
  const port = await vhostd.port();
  const clients: WireClient[] = [];
  for (let index = 0; index < 120; index += 1) {
    const client = await WireClient.open(port);
    client.send('GET / HT');
    clients.push(client);
  }
  assert.equal((await askSite(port, 'a.test')).siteId, 'a');
  await vhostd.until('the oldest are gone', ({ counts }) => (counts.refused['408'] ?? 0) >= 70);
  for (const client of clients.slice(0, 70)) {
    assert.equal((await client.answer()).status, 408);
    client.close();
  }
  for (const client of clients.slice(-20)) {
    client.send('TP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n');
    assert.equal(seenBy(await client.answer()).siteId, 'a');
  }
  for (const client of clients) client.close();
});
