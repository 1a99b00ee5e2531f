// A maintenance over TLS and HTTP/2: only the worker can read what is asked there, and it answers with the page.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:http2';
import type { ClientHttp2Session, IncomingHttpHeaders } from 'node:http2';
import { describe, it } from 'node:test';
import { atEnd } from '../../kit/at-end.js';
import { selfSigned } from '../../kit/certificate.js';
import { openSecure } from '../../kit/secure-client.js';
import { ask, HOST, ledgerSite, send, startSites } from './parked-site.js';

const LISTEN = { type: 'ssl', host: HOST, port: 0, ipaddress: '127.0.0.1', ...(await selfSigned(HOST)) };

const SECURE = { message: 'secure' };

for (const { kind, env } of [
  { kind: 'a plain server behind our TLS', env: {} },
  { kind: 'an https server', env: { TLS: 'https' } },
  { kind: 'an http2 server that takes HTTP/1.1', env: { TLS: 'http2' } },
]) {
  void describe(`a maintenance over TLS, with ${kind}`, () => {
    void it('answers on connections that were open and on new ones, through a reload', async (t) => {
      const vhostd = await startSites(t, [ledgerSite({ listen: [LISTEN], env })]);
      const port = await vhostd.port('ssl');
      const client = await openSecure(port, HOST);
      assert.equal((await ask(client)).number, 1);
      await vhostd.maintenance('a', SECURE);
      const fresh = await openSecure(port, HOST);
      for (const one of [client, client, fresh, fresh]) {
        send(one);
        const { status, headers, body } = await one.answer();
        assert.deepEqual(
          [status, headers['cache-control'], headers['retry-after'], headers['connection']],
          [503, 'no-store', '60', 'keep-alive'],
        );
        assert.match(body.toString(), /<p>secure<\/p>/);
      }
      assert.equal(await vhostd.callSite('a', 'seen'), 1);
      // The old worker answers once more, and says that the connection ends.
      await vhostd.reload('a');
      send(client);
      const last = await client.answer();
      assert.deepEqual([last.status, last.headers['connection']], [503, 'close']);
      assert.equal((await client.rest()).length, 0);
      const next = await openSecure(port, HOST);
      send(next);
      assert.equal((await next.answer()).status, 503);
      await vhostd.maintenance('a', null);
      assert.deepEqual((({ number, generation }) => [number, generation])(await ask(next)), [1, 2]);
      for (const one of [fresh, next]) one.close();
    });
  });
}

void it('a maintenance over HTTP/2 answers each stream, and those in work finish', async (t) => {
  const vhostd = await startSites(t, [ledgerSite({ listen: [LISTEN], env: { TLS: 'http2' } })]);
  const session = connect(`https://127.0.0.1:${await vhostd.port('ssl')}`, {
    servername: HOST,
    rejectUnauthorized: false,
  });
  atEnd(t, () => session.destroy());
  await once(session, 'connect');
  const busy = request(session, { ':path': '/?until=finished' });
  while ((await vhostd.callSite('a', 'seen')) !== 1);
  await vhostd.maintenance('a', SECURE);
  for (let count = 0; count < 5; count += 1) {
    const { headers, body } = await request(session, {});
    assert.deepEqual(
      [headers[':status'], headers['content-type'], headers['cache-control'], headers['retry-after']],
      [503, 'text/html; charset=utf-8', 'no-store', '60'],
    );
    assert.match(body, /<p>secure<\/p>/);
  }
  const upload = await request(session, { ':method': 'POST' }, Buffer.alloc(300_000, 'x'));
  assert.equal(upload.headers[':status'], 503);
  const head = await request(session, { ':method': 'HEAD' });
  assert.deepEqual([head.headers[':status'], head.body], [503, '']);
  vhostd.touch('finished');
  assert.equal((await busy).headers[':status'], 200);
  assert.equal(await vhostd.callSite('a', 'seen'), 1);
  await vhostd.maintenance('a', null);
  const { headers, body } = await request(session, {});
  assert.deepEqual([headers[':status'], (JSON.parse(body) as { number: number }).number], [200, 2]);
});

/** One stream, from its request to its end. */
async function request(
  session: ClientHttp2Session,
  fields: Record<string, string>,
  upload?: Buffer,
): Promise<{ headers: IncomingHttpHeaders & { ':status'?: number }; body: string }> {
  const stream = session.request({ ':authority': HOST, ...fields });
  const responded = once(stream, 'response');
  const closed = once(stream, 'close');
  stream.setEncoding('utf8');
  stream.end(upload);
  let body = '';
  stream.on('data', (chunk: string) => (body += chunk));
  const [headers] = (await responded) as [IncomingHttpHeaders];
  await closed;
  return { headers, body };
}
