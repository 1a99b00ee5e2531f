// Requests in clear for a host that is served with TLS: the master sends them on, wherever they come on a connection.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import { seenBy } from '../../kit/ask-site.js';
import { selfSigned } from '../../kit/certificate.js';
import { startVhostd } from '../../kit/start-vhostd.js';
import type { LoneMaster, SiteOptions } from '../../kit/start-vhostd.js';
import { WireClient } from '../../kit/wire-client.js';

const at = { port: 0, ipaddress: '127.0.0.1' };
const keys = await selfSigned('a.test');
const secure = { type: 'ssl', host: 'a.test', ...at, ...keys };
const clear = { host: 'a.test', ...at, redirect: 'https' };

async function start(t: TestContext, options: Partial<SiteOptions> = {}): Promise<LoneMaster> {
  return await startVhostd(t, {
    sites: [
      { siteId: 'a', listen: [secure, clear, { host: 'plain.test', ...at }], ...options },
      { siteId: 'b' },
    ],
  });
}

void describe('an entry with redirect', () => {
  void it('answers 308 with the host, path and port, to requests with bodies and HEAD as well', async (t) => {
    const vhostd = await start(t);
    const [port, https] = [await vhostd.port(), await vhostd.port('ssl')];
    for (const request of [
      'GET /x?y=1 HTTP/1.1\r\nHost: a.test\r\n\r\n',
      'HEAD /x?y=1 HTTP/1.1\r\nHost: A.test\r\n\r\n',
      'POST /x?y=1 HTTP/1.1\r\nHost: a.test\r\nContent-Length: 4\r\n\r\nbody',
    ]) {
      const client = await WireClient.open(port);
      client.send(request);
      const text = (await client.rest()).toString();
      assert.match(text, /^HTTP\/1\.1 308 /);
      assert.ok(text.includes(`\r\nLocation: https://a.test:${https}/x?y=1\r\n`), text);
      client.close();
    }
  });

  void it('does so behind requests for other hosts, of the same site or another one', async (t) => {
    const vhostd = await start(t);
    for (const [host, siteId] of [
      ['b.test', 'b'],
      ['plain.test', 'a'],
    ] as const) {
      const client = await WireClient.open(await vhostd.port());
      client.send(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
      assert.equal(seenBy(await client.answer()).siteId, siteId);
      client.send('GET /later HTTP/1.1\r\nHost: a.test\r\n\r\n');
      const { status, headers } = await client.answer();
      assert.equal(status, 308, host);
      assert.match(String(headers['location']), /^https:\/\/a\.test:\d+\/later$/);
      client.close();
    }
  });

  void it('leaves what a certificate authority asks to the app', async (t) => {
    const vhostd = await start(t);
    const client = await WireClient.open(await vhostd.port());
    client.send('GET /.well-known/acme-challenge/x HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n');
    assert.equal(seenBy(await client.answer()).siteId, 'a');
    client.close();
  });

  void it('is no entry in clear: an app that speaks TLS only has it beside its own', async (t) => {
    const vhostd = await start(t, {
      listen: [secure, clear],
      workerOptions: { env: { TLS: 'https' } },
    });
    const client = await WireClient.open(await vhostd.port());
    client.send('GET / HTTP/1.1\r\nHost: a.test\r\n\r\n');
    assert.equal((await client.answer()).status, 308);
    client.close();
    vhostd.change('a', { listen: [secure] });
    await vhostd.reloaded();
    const other = await WireClient.open(await vhostd.port());
    other.send('GET / HTTP/1.1\r\nHost: a.test\r\n\r\n');
    assert.equal((await other.answer()).status, 421);
    other.close();
  });
});
