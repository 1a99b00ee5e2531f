// HTTP/2 in clear by prior knowledge (RFC 9113 3.3): a connection is one site's before it names a host.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:http2';
import type { ClientHttp2Session } from 'node:http2';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { atEnd } from '../../kit/at-end.js';
import { siteFile, startVhostd } from '../../kit/start-vhostd.js';
import type { LoneMaster, SiteOptions } from '../../kit/start-vhostd.js';
import { WireClient } from '../../kit/wire-client.js';

const HTTP_1_1_REQUIRED = 0xd;
const PROTOCOL_ERROR = 1;
const GOAWAY = 7;

function site(siteId: string, more: Partial<SiteOptions> = {}): SiteOptions {
  return { siteId, workerOptions: { env: { HTTP2: '1' } }, ...more };
}

function open(t: TestContext, port: number): ClientHttp2Session {
  const session = connect(`http://127.0.0.1:${port}`);
  session.on('error', () => undefined);
  atEnd(t, () => session.destroy());
  return session;
}

/** The status, and the site that answered. */
async function ask(session: ClientHttp2Session, authority: string): Promise<[number, string | undefined]> {
  const stream = session.request({ ':path': '/any', ':authority': authority });
  stream.resume();
  const [headers] = (await once(stream, 'response')) as [Record<string, string>];
  await once(stream, 'close');
  return [Number(headers[':status']), headers['x-site']];
}

test('HTTP/2 in clear is for the only site of a listener, which gets no request for another host', async (t) => {
  const vhostd = await startVhostd(t, { sites: [site('a', { hosts: ['a.test', '*.a.test'] })] });
  const session = open(t, await vhostd.port());
  assert.deepEqual(await ask(session, 'a.test'), [200, 'a']);
  assert.deepEqual(await ask(session, 'b.test'), [421, undefined]);
  assert.deepEqual(await ask(session, 'x.a.test'), [200, 'a']);
  assert.deepEqual(await ask(session, 'a.test:1'), [200, 'a']);
  // What a worker has is told a moment behind its answers.
  const { counts } = await vhostd.until('it has been told', (status) => status.counts.handedOff > 0);
  assert.equal(counts.handedOff, 1);
});

test('of several sites it is for the default one', async (t) => {
  const vhostd = await startVhostd(t, { sites: [site('a'), site('d', { defaultListen: true })] });
  const session = open(t, await vhostd.port());
  assert.deepEqual(await ask(session, 'd.test'), [200, 'd']);
  assert.deepEqual(await ask(session, 'other.test'), [200, 'd']);
  assert.deepEqual(await ask(session, 'a.test'), [421, undefined]);
});

test('without a default it is refused in words of HTTP/2', async (t) => {
  const vhostd = await startVhostd(t, {
    sites: ['a', 'b'].map((siteId) => ({ siteId, workerFile: siteFile('echo') })),
  });
  const port = await vhostd.port();
  const [code, lastStreamId] = (await once(open(t, port), 'goaway')) as [number, number];
  assert.deepEqual([code, lastStreamId], [HTTP_1_1_REQUIRED, 0]);
  assert.equal(await goawayCode(port, 'PRI * HTTP/2.0\r\n\r\nXX'), PROTOCOL_ERROR);
  assert.deepEqual(await refusedReasons(vhostd), { 'no-site': 1, 'http2-preface': 1 });
});

async function goawayCode(port: number, bytes: string): Promise<number> {
  const client = await WireClient.open(port);
  client.send(bytes);
  const answer = await client.rest();
  // Behind an empty SETTINGS.
  assert.equal(answer[9 + 3], GOAWAY);
  return answer.readUInt32BE(9 + 9 + 4);
}

async function refusedReasons(vhostd: LoneMaster): Promise<Record<string, number>> {
  return (await vhostd.status()).counts.refusedReasons;
}
