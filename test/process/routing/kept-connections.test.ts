// Every request reaches the site of its own host, also the later ones of a connection that is kept.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import type { ClientHttp2Session } from 'node:http2';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { connect } from 'node:tls';
import { atEnd } from '../../kit/at-end.js';
import { seenBy } from '../../kit/ask-site.js';
import { selfSigned } from '../../kit/certificate.js';
import type { EchoAnswer } from '../../kit/echo.site.js';
import { siteFile, startVhostd } from '../../kit/start-vhostd.js';
import type { SiteOptions } from '../../kit/start-vhostd.js';
import { WireClient } from '../../kit/wire-client.js';

const site = (siteId: string, more: object = {}): SiteOptions => ({
  siteId,
  hosts: [`${siteId}.test`],
  workerFile: siteFile('echo'),
  cpuLen: 1,
  ...more,
});
const get = (host: string, target = '/'): string => `GET ${target} HTTP/1.1\r\nHost: ${host}\r\n\r\n`;

async function open(t: TestContext, port: number): Promise<WireClient> {
  const client = await WireClient.open(port);
  atEnd(t, () => client.close());
  return client;
}

/** The answers to what has been sent, each from the site that it should come from, all over one connection. */
async function expectFrom(client: WireClient, siteIds: readonly string[]): Promise<EchoAnswer[]> {
  const seen: EchoAnswer[] = [];
  for (const [index, siteId] of siteIds.entries()) {
    const answer = seenBy(await client.answer());
    assert.equal(answer.siteId, siteId, `answer ${index}`);
    assert.equal(answer.remotePort, client.port, `answer ${index}: the connection is the same`);
    seen.push(answer);
  }
  return seen;
}

test('requests for two sites on one connection are answered by each in order, pipelined or not', async (t) => {
  const vhostd = await startVhostd(t, { sites: [site('a'), site('b'), site('d', { defaultListen: true })] });
  const port = await vhostd.port();
  const client = await open(t, port);
  client.send(get('a.test', '/1') + get('b.test', '/2'));
  const urls = (await expectFrom(client, ['a', 'b'])).map(({ url }) => url);
  assert.deepEqual(urls, ['/1', '/2']);
  // Behind an answer, with a body in front, by an absolute target, by an unknown host, and back.
  client.send(get('a.test'));
  await expectFrom(client, ['a']);
  client.send(`POST /3 HTTP/1.1\r\nHost: b.test\r\nContent-Length: 5\r\n\r\nhello${get('a.test')}`);
  const [posted] = await expectFrom(client, ['b', 'a']);
  assert.equal(posted?.length, 5);
  client.send('POST /4 HTTP/1.1\r\nHost: b.test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n');
  setTimeout(() => client.send(`2\r\nde\r\n0\r\n\r\n${get('d.test')}`), 20);
  const [chunked] = await expectFrom(client, ['b', 'd']);
  assert.equal(chunked?.length, 5);
  client.send('GET http://b.test/5 HTTP/1.1\r\nHost: d.test\r\n\r\n');
  const [absolute] = await expectFrom(client, ['b']);
  assert.equal(absolute?.host, 'b.test');
  client.send(get('nobody.test') + get('a!b.test') + get('a.test') + get('A.TEST:80'));
  await expectFrom(client, ['d', 'd', 'a', 'a']);
  const { counts } = await vhostd.status();
  assert.ok(counts.handedBack >= 8, `${counts.handedBack} came back`);
  assert.deepEqual(counts.refused, {});
});

test('more pipelined requests than are read at once lose nothing where they change the site behind many answers', async (t) => {
  const vhostd = await startVhostd(t, { sites: [site('a'), site('b')] });
  const client = await open(t, await vhostd.port());
  // So many in a row that the server stops reading until its answers are read, and that the kernel has more of them.
  const order = Array.from({ length: 2000 }, (_, index) => (Math.floor(index / 500) % 2 === 0 ? 'a' : 'b'));
  const padding = 'x'.repeat(60);
  client.send(order.map((name, index) => get(`${name}.test`, `/${index}?${padding}`)).join(''));
  const seen = await expectFrom(client, order);
  assert.deepEqual(
    seen.map(({ url }) => url),
    order.map((_, index) => `/${index}?${padding}`),
  );
});

test('two hundred pipelined requests over ten hosts are answered in order by their sites', async (t) => {
  const names = Array.from({ length: 10 }, (_, index) => `s${index}`);
  const vhostd = await startVhostd(t, { sites: names.map((name) => site(name)) });
  const client = await open(t, await vhostd.port());
  const order = Array.from(
    { length: 200 },
    (_, index) => names[(index * 7 + (index >> 3)) % names.length] ?? '',
  );
  client.send(order.map((name, index) => get(`${name}.test`, `/${index}`)).join(''));
  const seen = await expectFrom(client, order);
  assert.deepEqual(
    seen.map(({ url }) => url),
    order.map((_, index) => `/${index}`),
  );
});

test('a slow or large answer in front is whole before the connection goes on to another site', async (t) => {
  const vhostd = await startVhostd(t, { sites: [site('a'), site('b')] });
  const client = await open(t, await vhostd.port());
  client.send(get('a.test', '/slow/300') + get('b.test') + get('a.test', '/slow/50') + get('b.test', '/x'));
  await expectFrom(client, ['a', 'b', 'a', 'b']);
});

test('what the master refuses of a first request is refused of every later one', async (t) => {
  const vhostd = await startVhostd(t, { sites: [site('a'), site('b')] });
  const port = await vhostd.port();
  const bad: [reason: string, status: number, bytes: string][] = [
    ['host-duplicate', 400, 'GET / HTTP/1.1\r\nHost: a.test\r\nHost: a.test\r\n\r\n'],
    ['target-fragment', 400, get('a.test', '/x#y')],
    ['host-path', 400, get('a.test/b')],
    [
      'transfer-encoding-on-1.0',
      400,
      'POST / HTTP/1.0\r\nHost: a.test\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n',
    ],
    ['target-form', 400, 'GET * HTTP/1.1\r\nHost: a.test\r\n\r\n'],
    ['host-missing', 400, 'GET / HTTP/1.1\r\n\r\n'],
    ['no-site', 421, get('nobody.test')],
    ['no-site', 421, get('')],
  ];
  const reasons: Record<string, number> = {};
  for (const [reason, status, bytes] of bad) {
    const client = await open(t, port);
    client.send(get('a.test') + bytes);
    await expectFrom(client, ['a']);
    assert.equal((await client.answer()).status, status, reason);
    assert.equal((await client.rest()).length, 0, reason);
    reasons[reason] = (reasons[reason] ?? 0) + 1;
  }
  assert.deepEqual((await vhostd.status()).counts.refusedReasons, reasons);
});

test('an upgrade on a kept connection reaches the site of its host, and is left alone from then on', async (t) => {
  const vhostd = await startVhostd(t, { sites: [site('a'), site('b')] });
  const client = await open(t, await vhostd.port());
  client.send(get('a.test'));
  await expectFrom(client, ['a']);
  client.send('GET / HTTP/1.1\r\nHost: b.test\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nearly');
  assert.equal((await client.head(true)).status, 101);
  assert.equal((await client.bytes(5)).toString(), 'early');
  client.send(get('a.test'));
  assert.equal((await client.bytes(get('a.test').length)).toString(), get('a.test'));
});

test('over TLS another host is 421, and the connection lives on for its own', async (t) => {
  const listen = async (host: string): Promise<object[]> => [
    { type: 'ssl', host, port: 0, ipaddress: '127.0.0.1', ...(await selfSigned(host)) },
  ];
  const sites = [
    {
      siteId: 'a',
      workerFile: siteFile('echo'),
      cpuLen: 1,
      listen: [...(await listen('a.test')), ...(await listen('*.a.test'))],
    },
    { siteId: 'b', workerFile: siteFile('echo'), cpuLen: 1, listen: await listen('b.test') },
    { siteId: 'c', workerFile: siteFile('echo'), cpuLen: 1, listen: await listen('c.a.test') },
  ];
  const vhostd = await startVhostd(t, { sites });
  const socket = connect({
    host: '127.0.0.1',
    port: await vhostd.port('ssl'),
    servername: 'a.test',
    rejectUnauthorized: false,
  });
  await once(socket, 'secureConnect');
  const client = new WireClient(socket);
  atEnd(t, () => client.close());
  client.send(get('b.test') + get('a.test') + get('www.a.test') + get('c.a.test') + get('A.test:443'));
  assert.equal((await client.answer()).status, 421);
  await expectFrom(client, ['a', 'a']);
  assert.equal((await client.answer()).status, 421);
  await expectFrom(client, ['a']);
  client.send('GET http://b.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n');
  assert.equal((await client.answer()).status, 421);
  client.send('GET http://a.test/ HTTP/1.1\r\nHost: b.test\r\n\r\n');
  const [absolute] = await expectFrom(client, ['a']);
  assert.equal(absolute?.host, 'a.test');
  client.send('GET / HTTP/1.1\r\nHost: a.test\r\nHost: a.test\r\n\r\n');
  assert.equal((await client.answer()).status, 400);
  assert.equal((await client.rest()).length, 0);
});

test('over HTTP/2 a stream for another host is 421, and the session lives on', async (t) => {
  const keys = await selfSigned('a.test');
  const workerFile = new URL('./http2-echo.site.js', import.meta.url).pathname;
  const sites = ['a', 'b'].map((siteId) => ({
    siteId,
    workerFile,
    cpuLen: 1,
    listen: [{ type: 'ssl', host: `${siteId}.test`, port: 0, ipaddress: '127.0.0.1', ...keys }],
    workerOptions: { env: keys },
  }));
  const vhostd = await startVhostd(t, { sites });
  const session = connectHttp2(`https://127.0.0.1:${await vhostd.port('ssl')}`, {
    servername: 'a.test',
    rejectUnauthorized: false,
  });
  atEnd(t, () => session.destroy());
  const statuses: string[] = [];
  for (const host of ['a.test', 'b.test', 'a.test:443', 'nobody.test', 'a.test']) {
    statuses.push(await ask(session, { ':authority': host }));
  }
  assert.deepEqual(statuses, ['200 a', '421 ', '200 a', '421 ', '200 a']);
  assert.equal(await ask(session, { ':authority': 'a.test', host: 'b.test' }), '400 ');
});

async function ask(session: ClientHttp2Session, headers: Record<string, string>): Promise<string> {
  const stream = session.request({ ':path': '/', ...headers });
  const [response] = (await once(stream, 'response')) as [Record<string, string | number>];
  stream.resume();
  await once(stream, 'end');
  return `${response[':status']} ${response['x-site'] ?? ''}`;
}
