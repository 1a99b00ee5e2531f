// One address opens more connections than it may: it is told so, and others are served.
import assert from 'node:assert/strict';
import { connect } from 'node:http2';
import { once } from 'node:events';
import { test } from 'node:test';
import { atEnd } from '../../kit/at-end.js';
import { get } from '../../kit/ask-site.js';
import { selfSigned } from '../../kit/certificate.js';
import { openSecure } from '../../kit/secure-client.js';
import { startVhostd } from '../../kit/start-vhostd.js';
import { WireClient } from '../../kit/wire-client.js';

const AT_ONCE = 3;

test('what one address opens beyond its share is answered with 503, on each kind of listener', async (t) => {
  const place = { host: 'a.test', port: 0, ipaddress: '127.0.0.1' };
  const from = ['127.0.0.0/8'];
  const vhostd = await startVhostd(t, {
    conf: { limits: { perAddress: { newPerSecond: AT_ONCE } } },
    sites: [
      {
        siteId: 'a',
        listen: [
          { type: 'ssl', ...place, ...(await selfSigned('a.test')) },
          { type: 'tcp', ...place },
        ],
      },
      { siteId: 'b', listen: [{ ...place, ipaddress: '127.0.0.2', host: 'b.test', proxyProtocol: from }] },
    ],
  });
  const port = await vhostd.port();
  const reason = async (): Promise<number> =>
    (await vhostd.status()).counts.refusedReasons['address-rate'] ?? 0;

  // A connection that is kept is one, however much is asked on it.
  const kept = await WireClient.open(port);
  for (let count = 0; count < AT_ONCE * 3; count += 1) {
    kept.send('GET / HTTP/1.1\r\nHost: a.test\r\n\r\n');
    assert.equal((await kept.answer()).status, 200);
  }
  kept.close();
  assert.equal(await reason(), 0);

  const answers = await Promise.all(Array.from({ length: 100 }, () => get(port, 'a.test')));
  const refused = answers.filter(({ status }) => status === 503);
  assert.ok(refused.length > 0 && refused.length < 100, `${refused.length} refused`);
  assert.equal(refused[0]?.headers['retry-after'], '1');
  assert.equal(await reason(), refused.length);

  const flood = Promise.all(Array.from({ length: 40 }, () => get(port, 'a.test')));
  await assert.rejects(
    Promise.all(
      Array.from({ length: 40 }, async () => {
        (await openSecure(await vhostd.port('ssl'), 'a.test')).close();
      }),
    ),
    { code: 'ERR_SSL_TLSV1_ALERT_INTERNAL_ERROR' },
  );
  await flood;

  // Behind a balancer it is its client that counts.
  const proxied = (await vhostd.status()).listeners.find(({ address }) => address === '127.0.0.2');
  const asked = async (client: string): Promise<number> => {
    const balancer = await WireClient.open(proxied?.port ?? 0, { host: '127.0.0.2' });
    balancer.send(`PROXY TCP4 ${client} 127.0.0.2 1000 80\r\nGET / HTTP/1.1\r\nHost: b.test\r\n\r\n`);
    const { status } = await balancer.answer();
    balancer.close();
    return status;
  };
  const many = await Promise.all(Array.from({ length: 60 }, (_, index) => asked(`192.0.2.${index}`)));
  assert.deepEqual(new Set(many), new Set([200]));
  const one = await Promise.all(Array.from({ length: 60 }, () => asked('198.51.100.1')));
  assert.deepEqual(new Set(one), new Set([200, 503]));
});

test('a client of HTTP/2 in clear is told to be calm', async (t) => {
  const vhostd = await startVhostd(t, {
    conf: { limits: { perAddress: { newPerSecond: 1 } } },
    sites: [
      {
        siteId: 'a',
        listen: [{ type: 'tcp', port: 0, ipaddress: '127.0.0.1' }],
        workerOptions: { env: { HTTP2: '1' } },
      },
    ],
  });
  const port = await vhostd.port();
  const sessions = Array.from({ length: 20 }, () => connect(`http://127.0.0.1:${port}`));
  atEnd(t, () => sessions.forEach((session) => session.destroy()));
  for (const session of sessions) session.on('error', () => undefined);
  const [code] = (await Promise.race(sessions.map((session) => once(session, 'goaway')))) as [number];
  assert.equal(code, 0xb);
});
