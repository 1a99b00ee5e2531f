// TLS connections cannot move to another process: a reload announces their end, and resets none.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:http2';
import { describe, it } from 'node:test';
import { selfSigned } from '../../kit/certificate.js';
import { checkAnswer, simpleExchange } from '../../kit/exchange.js';
import { FreshLoad } from '../../kit/fresh-load.js';
import { KeepAliveLoad } from '../../kit/keep-alive-load.js';
import { Random } from '../../kit/random.js';
import type { SiteOptions } from '../../kit/rig.js';
import { openSecure } from '../../kit/secure-client.js';
import { NOTHING_LOST } from '../../kit/tally.js';
import { drained, HOST, reload, startSite } from './site-under-reload.js';

const LISTEN = { type: 'ssl', host: HOST, port: 0, ipaddress: '127.0.0.1', ...(await selfSigned(HOST)) };

const RELOAD_COUNT = 2;

const KINDS: { kind: string; options: Partial<SiteOptions> }[] = [
  { kind: 'a plain server behind our TLS', options: {} },
  { kind: 'an https server', options: { workerOptions: { env: { TLS: 'https' } } } },
  { kind: 'an http2 server that takes HTTP/1.1', options: { workerOptions: { env: { TLS: 'http2' } } } },
];

for (const { kind, options } of KINDS) {
  void describe(`TLS connections of ${kind}`, () => {
    const site = { listen: [LISTEN], ...options };

    void it('end with the announcement of a response, and nothing is lost', async (t) => {
      const seed = Random.seed();
      const rig = await startSite(t, site);
      const load = new KeepAliveLoad({
        port: await rig.port('ssl'),
        host: HOST,
        clientCount: 6,
        seed,
        pauseMaxMs: 100,
        connect: (port) => openSecure(port, HOST),
        // What is sent behind a request whose response announces the end is not answered (RFC 9112 9.6).
        pipelineMaxCount: 1,
      });
      const fresh = new FreshLoad({
        port: await rig.port('ssl'),
        host: HOST,
        siteId: 'a',
        clientCount: 2,
        seed,
        pauseMaxMs: 100,
        connect: (port) => openSecure(port, HOST),
      });
      for (let count = 0; count < RELOAD_COUNT; count += 1) {
        await load.progress(20);
        await reload(rig);
      }
      await drained(rig);
      await load.progress(20);
      const [tally, freshTally] = await Promise.all([load.stop(), fresh.stop()]);
      t.diagnostic(
        `SEED=${seed}: ${tally.counts.ok} requests, ${tally.announcedCount} announced ends; ` +
          `${freshTally.counts.ok} on connections of their own`,
      );
      assert.deepEqual(freshTally.lost, NOTHING_LOST, freshTally.failures.join('\n'));
      assert.deepEqual(tally.lost, NOTHING_LOST, tally.failures.join('\n'));
      assert.equal(Math.max(...tally.generations), RELOAD_COUNT + 1);
      assert.ok(tally.announcedCount > 0);
    });

    void it('are served once more by the old worker when they were idle', async (t) => {
      const rig = await startSite(t, site);
      const client = await openSecure(await rig.port('ssl'), HOST);
      for (const closes of [false, true]) {
        const request = simpleExchange(HOST);
        client.send(request.bytes);
        const answer = await checkAnswer(client, request);
        assert.deepEqual([answer.generation, answer.closes], [1, closes]);
        if (!closes) await reload(rig);
      }
      assert.equal((await client.rest()).length, 0);
      await drained(rig);
    });
  });
}

void it('an HTTP/2 connection gets GOAWAY and finishes its streams', async (t) => {
  const rig = await startSite(t, {
    listen: [LISTEN],
    workerOptions: { env: { TLS: 'http2' } },
  });
  const session = connect(`https://127.0.0.1:${await rig.port('ssl')}`, {
    servername: HOST,
    rejectUnauthorized: false,
  });
  t.after(() => session.destroy());
  const stream = session.request({ ':path': '/slow?slow=4000&answer=100000', ':authority': HOST });
  const responded = once(stream, 'response');
  const goaway = once(session, 'goaway');
  await once(session, 'connect');
  await rig.until('the request is in work', ({ counts }) => counts.handedOff === 1);
  await reload(rig);
  assert.equal((await goaway)[0], 0);
  const [headers] = (await responded) as [Record<string, string>];
  assert.equal(headers['x-generation'], '1');
  let length = 0;
  for await (const chunk of stream) length += (chunk as Buffer).length;
  assert.equal(length, 100_000);
  await drained(rig);
});
