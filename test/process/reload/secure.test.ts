// TLS connections cannot move to another process: a reload announces their end, and resets none.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:http2';
import { describe, it } from 'node:test';
import { atEnd } from '../../kit/at-end.js';
import { selfSigned } from '../../kit/certificate.js';
import { checkAnswer, simpleExchange } from '../../kit/exchange.js';
import { Load, MIXED } from '../../kit/load.js';
import { Random } from '../../kit/random.js';
import type { SiteOptions } from '../../kit/start-vhostd.js';
import { openSecure } from '../../kit/secure-client.js';
import type { WireClient } from '../../kit/wire-client.js';
import { HOST, startSite } from './site-under-reload.js';

const LISTEN = { type: 'ssl', host: HOST, port: 0, ipaddress: '127.0.0.1', ...(await selfSigned(HOST)) };

const RELOAD_COUNT = 2;

const KINDS: { kind: string; options: Partial<SiteOptions> }[] = [
  { kind: 'a plain server behind our TLS', options: {} },
  { kind: 'an https server', options: { workerOptions: { env: { TLS: 'https' } } } },
  { kind: 'an http2 server that takes HTTP/1.1', options: { workerOptions: { env: { TLS: 'http2' } } } },
];

for (const { kind, options } of KINDS) {
  void describe(`TLS connections of ${kind}`, { concurrency: 2 }, () => {
    const site = { listen: [LISTEN], ...options };

    void it('end with the announcement of a response, and nothing is lost', async (t) => {
      const seed = Random.seed();
      const vhostd = await startSite(t, site);
      const port = await vhostd.port('ssl');
      const open = (to: number): Promise<WireClient> => openSecure(to, HOST);
      const load = new Load({
        port,
        host: HOST,
        connections: 'kept',
        clientCount: 6,
        seed,
        pauseMaxMs: 100,
        connect: open,
        ...MIXED,
        // What is sent behind a request whose response announces the end is not answered (RFC 9112 9.6).
        pipelineMaxCount: 1,
      });
      const fresh = new Load({
        port,
        host: HOST,
        connections: 'fresh',
        seed,
        pauseMaxMs: 100,
        connect: open,
      });
      for (let count = 0; count < RELOAD_COUNT; count += 1) {
        await load.progress(20);
        await vhostd.reloaded('a');
      }
      await vhostd.drained();
      await load.progress(20);
      const [outcome, others] = await Promise.all([load.stop(), fresh.stop()]);
      t.diagnostic(`SEED=${seed}: ${String(outcome)}; on connections of their own: ${String(others)}`);
      others.assertNothingLost('fresh connections');
      outcome.assertNothingLost();
      assert.equal(Math.max(...outcome.generations), RELOAD_COUNT + 1);
      assert.ok(outcome.counts.announced > 0);
    });

    void it('are served once more by the old worker when they were idle', async (t) => {
      const vhostd = await startSite(t, site);
      const client = await openSecure(await vhostd.port('ssl'), HOST);
      for (const closes of [false, true]) {
        const request = simpleExchange(HOST);
        client.send(request.bytes);
        const answer = await checkAnswer(client, request);
        assert.deepEqual([answer.generation, answer.closes], [1, closes]);
        if (!closes) await vhostd.reloaded('a');
      }
      assert.equal((await client.rest()).length, 0);
      await vhostd.drained();
    });
  });
}

void it('an HTTP/2 connection gets GOAWAY and finishes its streams', async (t) => {
  const vhostd = await startSite(t, {
    listen: [LISTEN],
    workerOptions: { env: { TLS: 'http2' } },
  });
  const session = connect(`https://127.0.0.1:${await vhostd.port('ssl')}`, {
    servername: HOST,
    rejectUnauthorized: false,
  });
  atEnd(t, () => session.destroy());
  const stream = session.request({ ':path': '/slow?until=finished&answer=100000', ':authority': HOST });
  const responded = once(stream, 'response');
  const goaway = once(session, 'goaway');
  await once(session, 'connect');
  await vhostd.until('the request is in work', ({ counts }) => counts.handedOff === 1);
  await vhostd.reloaded('a');
  assert.equal((await goaway)[0], 0);
  vhostd.touch('finished');
  const [headers] = (await responded) as [Record<string, string>];
  assert.equal(headers['x-generation'], '1');
  let length = 0;
  for await (const chunk of stream) length += (chunk as Buffer).length;
  assert.equal(length, 100_000);
  await vhostd.drained();
});
