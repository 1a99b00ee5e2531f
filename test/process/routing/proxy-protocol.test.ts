// Behind a balancer that speaks the PROXY protocol a site sees its clients, not the balancer.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { atEnd } from '../../kit/at-end.js';
import { seenBy } from '../../kit/ask-site.js';
import { startHaproxy } from '../../kit/balancer.js';
import type { EchoAnswer } from '../../kit/echo.site.js';
import { startVhostd } from '../../kit/start-vhostd.js';
import type { LoneMaster, SiteOptions } from '../../kit/start-vhostd.js';
import { selfSigned } from '../../kit/certificate.js';
import { WireClient } from '../../kit/wire-client.js';

/** The address of the balancer. Any of 127.0.0.0/8 is this machine. */
const BALANCER = '127.0.0.2';
const V1 = 'PROXY TCP4 192.0.2.7 198.51.100.1 40001 443\r\n';
const V1_IPV6 = 'PROXY TCP6 2001:db8::7 2001:db8::1 40002 8443\r\n';
/** The ends of {@link V1}, with a TLV. */
const V2 = Buffer.from('0d0a0d0a000d0a515549540a2111000fc0000207c63364019c4101bb040000', 'hex');
const LOCAL = Buffer.from('0d0a0d0a000d0a515549540a20000000', 'hex');
const ENDS = ['192.0.2.7', 40_001, 'IPv4', '198.51.100.1', 443];

const get = (host: string, path = '/'): string => `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`;

function site(siteId: string, more: object = {}, entry: object = {}): SiteOptions {
  return {
    siteId,
    listen: [
      {
        host: `${siteId}.test`,
        port: 0,
        ipaddress: '127.0.0.1',
        proxyProtocol: [`${BALANCER}/32`],
        ...entry,
      },
    ],
    ...more,
  };
}

/** A connection from this address that begins with these bytes. */
async function open(
  t: TestContext,
  port: number,
  begin: string | Buffer = '',
  from = BALANCER,
): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', localAddress: from, noDelay: true, allowHalfOpen: true });
  await once(socket, 'connect');
  atEnd(t, () => socket.destroy());
  if (begin.length > 0) socket.write(begin);
  return socket;
}

function endsOf(seen: EchoAnswer): unknown[] {
  return [seen.remoteAddress, seen.remotePort, seen.remoteFamily, seen.localAddress, seen.localPort];
}

async function ask(client: WireClient, host: string): Promise<EchoAnswer> {
  client.send(get(host));
  return seenBy(await client.answer());
}

test('the addresses of a header are those of the connection, for each site that it goes to', async (t) => {
  const vhostd = await startVhostd(t, {
    sites: [site('a', { cpuLen: 2 }), site('b', {}, { proxyProtocol: [] })],
  });
  const port = await vhostd.port();
  const client = new WireClient(await open(t, port, V1));
  assert.deepEqual(endsOf(await ask(client, 'a.test')), ENDS);
  // To another site and back, between two requests to another worker, and behind a reload once more.
  assert.deepEqual(endsOf(await ask(client, 'b.test')), ENDS);
  assert.deepEqual(endsOf(await ask(client, 'a.test')), ENDS);
  for (const siteId of ['a', 'b']) {
    await vhostd.reloaded(siteId);
    const seen = await ask(client, 'a.test');
    assert.deepEqual([seen.siteId, ...endsOf(seen)], ['a', ...ENDS]);
  }
  const binary = new WireClient(await open(t, port, V2));
  assert.deepEqual(endsOf(await ask(binary, 'b.test')), ENDS);
  const ipv6 = new WireClient(await open(t, port, V1_IPV6));
  assert.deepEqual(endsOf(await ask(ipv6, 'a.test')), ['2001:db8::7', 40_002, 'IPv6', '2001:db8::1', 8443]);
  // Byte by byte, and a request along with the header.
  const slow = await open(t, port);
  for (const byte of V2) slow.write(Buffer.from([byte]));
  assert.deepEqual(endsOf(await ask(new WireClient(slow), 'a.test')), ENDS);
  const whole = new WireClient(await open(t, port, V1 + get('a.test') + get('b.test')));
  for (const siteId of ['a', 'b']) {
    const seen = seenBy(await whole.answer());
    assert.deepEqual([seen.siteId, ...endsOf(seen)], [siteId, ...ENDS]);
  }
  const { counts } = await vhostd.status();
  assert.ok(counts.handedBack >= 4, `${counts.handedBack} came back`);
  assert.equal(counts.violations, 0);
  assert.deepEqual(counts.refused, {});
});

test("a balancer's own connection keeps its addresses, and says nothing or asks", async (t) => {
  const vhostd = await startVhostd(t, { sites: [site('a')] });
  const port = await vhostd.port();
  for (const header of [LOCAL, 'PROXY UNKNOWN\r\n', 'PROXY UNKNOWN whatever\r\n']) {
    const socket = await open(t, port, header);
    const seen = await ask(new WireClient(socket), 'a.test');
    assert.deepEqual(endsOf(seen), [BALANCER, socket.localPort, 'IPv4', '127.0.0.1', port]);
    const silent = await open(t, port, header);
    silent.end();
    assert.equal((await new WireClient(silent).rest()).length, 0);
  }
  assert.deepEqual((await vhostd.status()).counts.refused, {});
});

test('a header is required from balancers, taken from nobody else, and a malformed one is closed and counted', async (t) => {
  const vhostd = await startVhostd(t, { sites: [site('a')] });
  const port = await vhostd.port();
  const plain = await open(t, port, '', '127.0.0.1');
  assert.deepEqual(endsOf(await ask(new WireClient(plain), 'a.test')), [
    '127.0.0.1',
    plain.localPort,
    'IPv4',
    '127.0.0.1',
    port,
  ]);
  const stranger = new WireClient(await open(t, port, V1 + get('a.test'), '127.0.0.1'));
  assert.equal((await stranger.answer()).status, 400);
  const bad: [string, string | Buffer][] = [
    ['proxy-header-missing', get('a.test')],
    ['proxy-header-malformed', 'PROXY TCP4 a b 1 2\r\n'],
    ['proxy-header-too-long', 'PROXY UNKNOWN '.padEnd(200, 'x')],
    [
      'proxy-header-checksum',
      Buffer.from('0d0a0d0a000d0a515549540a21110013c0000207c63364019c4101bb03000401020304', 'hex'),
    ],
  ];
  for (const [reason, bytes] of bad) {
    const socket = await open(t, port, bytes);
    let received = '';
    socket.on('data', (chunk) => (received += String(chunk)));
    // A reset is what a close with unread bytes comes to.
    socket.on('error', () => undefined);
    socket.on('end', () => socket.destroy());
    await once(socket, 'close');
    assert.equal(received, '', reason);
  }
  const cut = await open(t, port, 'PROXY TCP4 192.0.2.7');
  cut.end();
  assert.equal((await new WireClient(cut).rest()).length, 0);
  const { refusedReasons } = (await vhostd.status()).counts;
  assert.deepEqual(refusedReasons, {
    'method-unknown': 1,
    ...Object.fromEntries([...bad.map(([reason]) => [reason, 1]), ['proxy-header-cut', 1]]),
  });
});

test('over TLS and HTTP/2, ended by vhostd or by the site itself, it is the same', async (t) => {
  const keys = await selfSigned('a.test');
  const ssl = { type: 'ssl', ...keys };
  const vhostd = await startVhostd(t, {
    sites: [
      site('a', {}, ssl),
      site('b', { workerOptions: { env: { TLS: 'http2' } } }, { type: 'ssl' }),
      site('c', {}, {}),
    ],
  });
  const port = await vhostd.port('ssl');
  for (const host of ['a.test', 'b.test']) {
    const secure = connectTls({
      socket: await open(t, port, V2),
      servername: host,
      rejectUnauthorized: false,
    });
    await once(secure, 'secureConnect');
    assert.deepEqual(endsOf(await ask(new WireClient(secure), host)), ENDS, host);
    // Nobody hears what becomes of it when the worker ends.
    secure.destroy();
  }
  const under = await open(t, port, V1);
  const session = connectHttp2('https://b.test', {
    createConnection: () =>
      connectTls({ socket: under, servername: 'b.test', ALPNProtocols: ['h2'], rejectUnauthorized: false }),
  });
  atEnd(t, () => session.destroy());
  const stream = session.request({ ':path': '/' });
  let body = '';
  for await (const chunk of stream.setEncoding('utf8')) body += String(chunk);
  assert.deepEqual(endsOf(JSON.parse(body) as EchoAnswer), ENDS);
  session.destroy();
});

test('ip-hash goes by the client, and so does it behind a balancer', async (t) => {
  const vhostd = await startVhostd(t, { sites: [site('a', { cpuLen: 2, balance: 'ip-hash' })] });
  const port = await vhostd.port();
  const workersOf = async (address: string): Promise<Set<string>> => {
    const seen = new Set<string>();
    for (let count = 0; count < 4; count += 1) {
      const socket = await open(t, port, `PROXY TCP4 ${address} 198.51.100.1 ${4000 + count} 443\r\n`);
      seen.add((await ask(new WireClient(socket), 'a.test')).workerId);
      socket.destroy();
    }
    return seen;
  };
  const all = new Set<string>();
  for (let last = 1; last <= 8; last += 1) {
    const workers = await workersOf(`192.0.2.${last}`);
    assert.equal(workers.size, 1, `192.0.2.${last}`);
    for (const worker of workers) all.add(worker);
  }
  assert.equal(all.size, 2);
});

test('a reload takes up and takes away the balancers of an address, without closing it', async (t) => {
  const vhostd = await startVhostd(t, { sites: [site('a', {}, { proxyProtocol: [] })] });
  const port = await vhostd.port();
  assert.equal((await ask(new WireClient(await open(t, port)), 'a.test')).remoteAddress, BALANCER);
  vhostd.configure([site('a')]);
  await vhostd.reloaded();
  assert.deepEqual(endsOf(await ask(new WireClient(await open(t, port, V1)), 'a.test')), ENDS);
  vhostd.configure([site('a', {}, { proxyProtocol: [] })]);
  await vhostd.reloaded();
  assert.equal((await ask(new WireClient(await open(t, port)), 'a.test')).remoteAddress, BALANCER);
});

for (const [send, more] of [
  ['send-proxy', ''],
  ['send-proxy-v2', 'proxy-v2-options unique-id,crc32c check inter 100'],
]) {
  test(`behind HAProxy with ${send} each site sees HAProxy's clients`, async (t) => {
    const entry = { proxyProtocol: ['127.0.0.1'] };
    const vhostd = await startVhostd(t, { sites: [site('a', {}, entry), site('b', {}, entry)] });
    const port = await startHaproxy(t, await vhostd.port(), {
      frontend: 'unique-id-format %{+X}o%ci',
      server: `${send} ${more}`,
    });
    if (port !== undefined) await expectClients(vhostd, port);
  });
}

/** HAProxy keeps a connection for one client where it tells whose it is. */
async function expectClients(vhostd: LoneMaster, port: number): Promise<void> {
  const addresses = ['127.0.0.11', '127.0.0.12', '127.0.0.13'];
  await Promise.all(
    addresses.map(async (localAddress) => {
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      for (let count = 0; count < 40; count += 1) {
        const siteId = count % 3 === 0 ? 'b' : 'a';
        const seen = await askFrom(agent, { port, localAddress, host: `${siteId}.test` });
        assert.deepEqual([seen.siteId, seen.remoteAddress, seen.localPort], [siteId, localAddress, port]);
        if (count === 20 && localAddress === addresses[0]) await vhostd.reloaded('a');
      }
      agent.destroy();
    }),
  );
  assert.deepEqual((await vhostd.status()).counts.refusedReasons, {});
}

function askFrom(
  agent: Agent,
  { port, localAddress, host }: { port: number; localAddress: string; host: string },
): Promise<EchoAnswer> {
  return new Promise((resolve, reject) => {
    const sent = request({ agent, host: '127.0.0.1', port, localAddress, headers: { host } }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => (body += text));
      response.on('end', () => {
        if (response.statusCode === 200) resolve(JSON.parse(body) as EchoAnswer);
        else reject(new Error(`status ${response.statusCode}`));
      });
    });
    sent.on('error', reject);
    sent.end();
  });
}
