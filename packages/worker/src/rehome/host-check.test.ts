// What becomes of a request for another site's host: handed back where a connection can move, 421 where it cannot.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { Server as HttpServer, ServerResponse } from 'node:http';
import { connect as connectHttp2, createServer as createHttp2Server } from 'node:http2';
import type { ClientHttp2Session } from 'node:http2';
import { createServer as createHttpsServer } from 'node:https';
import type { Server, Socket } from 'node:net';
import { describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { next } from '../intake/fixtures/next-event.test.kit.js';
import { connectRaw, RawClient } from '../intake/fixtures/raw-client.test.kit.js';
import { selfSigned } from '../intake/fixtures/self-signed.test.kit.js';
import { serve } from '../intake/fixtures/serving.test.kit.js';
import type { HandedBack } from './hand-backs.js';
import { SiteHosts } from './host-claims.js';
import { HostCheck } from './host-check.js';
import { Refusals } from './refusals.js';
import { Rerouting } from './rerouting.js';

const HEADER = { listener: '*|80', host: 'a.test', secure: false, peeked: false, handedBack: false };
const OWN = 'GET /own HTTP/1.1\r\nHost: a.test\r\n\r\n';
const FOREIGN = 'GET /foreign HTTP/1.1\r\nHost: b.test\r\n\r\n';

interface Scene {
  port: number;
  /** The targets of the requests that the site has seen. */
  seen: string[];
  handedBack: HandedBack[];
  hosts: SiteHosts;
  /** HTTP/2 connections that are to end. */
  ended: Set<unknown>;
  refusals: Refusals;
}

interface How {
  /** What the master has read already begins each connection. */
  peeked?: boolean;
  /** Connections can be handed back. */
  rerouting?: boolean;
  healthPath?: string;
  /** The worker drains. */
  leaving?: boolean;
  /** The host that the connections came for; null: none. */
  host?: string | null;
}

/** A server for a.test, as a worker has it. */
async function setScene(t: TestContext, server: Server, how: How = {}): Promise<Scene> {
  const { peeked = false, rerouting = false, healthPath, leaving = false, host = HEADER.host } = how;
  const ended = new Set<unknown>();
  const refusals = new Refusals();
  const seen: string[] = [];
  const handedBack: HandedBack[] = [];
  for (const event of ['request', 'upgrade', 'connect'])
    server.on(event, ({ url = '' }: { url?: string }) => seen.push(url));
  const hosts = new SiteHosts();
  hosts.set([{ '*|80': { isDefault: false, own: ['a.test'], others: [] } }]);
  const header = { ...HEADER, peeked, host: host ?? undefined };
  const send = (connection: HandedBack): boolean => handedBack.push(connection) > 0;
  const check = new HostCheck(server, {
    hosts,
    healthPath,
    originOf: () => header,
    rerouting: rerouting ? new Rerouting({ open: true, send }, refusals) : undefined,
    refusals,
    isLeaving: () => leaving,
    endSession: (session) => ended.add(session),
  });
  const secure = 'setSecureContext' in server;
  if (!secure) server.on('connection', (socket: Socket) => check.watch(socket, header));
  t.after(() => handedBack.forEach(({ handle }) => handle.close()));
  const { port } = await serve(t, 'listening', server);
  return { port, seen, handedBack, hosts, ended, refusals };
}

function site(): HttpServer {
  return createServer((_request, response) => response.end('answer'));
}

void describe('HTTP/1 in clear where nothing can be handed back', () => {
  void it('is answered 421, and the connection lives on for its own host', async (t) => {
    const { port, seen } = await setScene(t, site());
    const client = await connectRaw(t, port);
    client.send(OWN);
    await client.until(/answer$/);
    client.text = '';
    client.send(FOREIGN);
    const refused = await client.until(/421 Misdirected Request\n$/);
    assert.match(refused, /^HTTP\/1.1 421 /);
    assert.doesNotMatch(refused, /Connection: close/);
    client.text = '';
    client.send(OWN);
    await client.until(/answer$/);
    assert.deepEqual(seen, ['/own', '/own']);
  });

  void it("has a question for the health of vhostd refused, and ends: the next connection is the master's", async (t) => {
    const { port, seen } = await setScene(t, site(), { healthPath: '/health' });
    const client = await connectRaw(t, port);
    client.send(OWN.replace('/own', '/health'));
    await client.closed;
    assert.match(client.text, /^HTTP\/1.1 421 [^]*Connection: close/);
    assert.deepEqual(seen, []);
  });

  void it('has the last request for a host that the site has lost served, and ends', async (t) => {
    for (const bytes of [OWN, OWN.replace('a.test', 'c.test'), FOREIGN]) {
      const { port, seen, hosts } = await setScene(t, site());
      const client = await connectRaw(t, port);
      client.send(OWN);
      await client.until(/answer$/);
      client.text = '';
      hosts.set([{ '*|80': { isDefault: false, own: ['c.test'], others: ['a.test'] } }]);
      client.send(bytes);
      await client.closed;
      const isForeign = bytes === FOREIGN;
      assert.match(client.text, isForeign ? /^HTTP\/1.1 421 / : /^HTTP\/1.1 200 /);
      assert.match(client.text, /^Connection: close\r?$/m);
      assert.deepEqual(seen, isForeign ? ['/own'] : ['/own', '/own']);
    }
  });

  void it('has pipelined requests answered in order', async (t) => {
    const { port, seen, refusals } = await setScene(t, site());
    const client = await connectRaw(t, port);
    client.send(OWN + FOREIGN + OWN);
    const text = await client.until(/answer[^]*answer$/);
    assert.deepEqual(text.match(/HTTP\/1.1 \d+/g), ['HTTP/1.1 200', 'HTTP/1.1 421', 'HTTP/1.1 200']);
    assert.deepEqual(seen, ['/own', '/own']);
    assert.deepEqual(refusals.counts, { 'other-host': 1 });
  });

  void it('answers HEAD without content', async (t) => {
    const { port } = await setScene(t, site());
    const client = await connectRaw(t, port);
    client.send(FOREIGN.replace('GET', 'HEAD') + OWN);
    assert.match(await client.until(/answer$/), /^HTTP\/1.1 421 [^]*\r\n\r\nHTTP\/1.1 200 /);
  });

  for (const [what, bytes] of [
    ['an upgrade', FOREIGN.replace('\r\n\r\n', '\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n')],
    ['CONNECT', 'CONNECT c.test:443 HTTP/1.1\r\nHost: b.test\r\n\r\n'],
  ] as const) {
    void it(`ends behind ${what}, which the site does not see`, async (t) => {
      const { port, seen } = await setScene(t, site());
      const client = await connectRaw(t, port);
      client.send(bytes);
      await client.closed;
      assert.match(client.text, /^HTTP\/1.1 421 [^]*Connection: close/);
      assert.deepEqual(seen, []);
    });
  }

  void it('does not look at the request that the master has routed', async (t) => {
    const { port, seen } = await setScene(t, site(), { peeked: true });
    const client = await connectRaw(t, port);
    client.send(FOREIGN + FOREIGN);
    assert.deepEqual((await client.until(/answer[^]*421 M[^]*\n$/)).match(/HTTP\/1.1 \d+/g), [
      'HTTP/1.1 200',
      'HTTP/1.1 421',
    ]);
    assert.deepEqual(seen, ['/foreign']);
  });
});

void describe('HTTP/1 in clear', () => {
  void it('is handed back with what was read, behind the answers before it', async (t) => {
    const { port, seen, handedBack } = await setScene(t, site(), { rerouting: true });
    const client = await connectRaw(t, port);
    client.send(`${OWN}${FOREIGN}${OWN}`);
    await client.until(/answer$/);
    while (handedBack.length === 0) await new Promise(setImmediate);
    assert.deepEqual(
      handedBack.map(({ bytes, header }) => ({ bytes, header })),
      [{ bytes: FOREIGN + OWN, header: HEADER }],
    );
    assert.deepEqual([seen, client.socket.destroyed], [['/own'], false]);
  });

  void it('is answered 431 where fields may have been dropped, another Host among them', async (t) => {
    const { port, seen, handedBack, refusals } = await setScene(t, site(), { rerouting: true });
    const client = await connectRaw(t, port);
    const withFields = (count: number): string =>
      OWN.replace('\r\n\r\n', `\r\n${'A: b\r\n'.repeat(count)}\r\n`);
    client.send(withFields(998));
    await client.until(/answer$/);
    client.text = '';
    client.send(withFields(1000) + FOREIGN);
    await client.closed;
    assert.match(client.text, /^HTTP\/1.1 431 [^]*Connection: close/);
    assert.deepEqual([seen, handedBack], [['/own'], []]);
    // The parser of newer versions of Node refuses it by itself, without a text.
    const isOurs = client.text.endsWith('431 Request Header Fields Too Large\n');
    assert.deepEqual(refusals.counts, isOurs ? { 'too-many-fields': 1 } : undefined);
  });

  void it('is handed back for the path that the master answers, also for its own host', async (t) => {
    const { port, seen, handedBack } = await setScene(t, site(), { rerouting: true, healthPath: '/health' });
    const client = await connectRaw(t, port);
    const bytes = OWN.replace('/own', '/health?full');
    client.send(bytes);
    while (handedBack.length === 0) await new Promise(setImmediate);
    assert.deepEqual([handedBack[0]?.bytes, seen], [bytes, []]);
  });
});

void describe('a connection with a request for another host, while too many are on their way', () => {
  void it('is answered 421 when none could be handed back for 2 s', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    let nowMs = 0;
    t.mock.method(performance, 'now', () => nowMs);
    const send = (): boolean => assert.fail('nothing may be sent');
    const server = site();
    const { port } = await serve(t, 'listening', server);
    const refusals = new Refusals();
    const rerouting = new Rerouting({ open: false, send }, refusals);
    const connected = next<[Socket]>(server, 'connection');
    const client = await connectRaw(t, port);
    const [socket] = await connected;
    const request = {
      method: 'GET',
      url: '/foreign',
      httpVersion: '1.1',
      rawHeaders: ['Host', 'b.test'],
    } as unknown as Parameters<Rerouting['take']>[2];
    rerouting.take(socket, HEADER, request, Buffer.alloc(0));
    for (nowMs = 5; nowMs <= 2000; nowMs += 5) t.mock.timers.tick(5);
    assert.equal(client.text, '');
    t.mock.timers.tick(5);
    await client.closed;
    assert.match(client.text, /^HTTP\/1.1 421 [^]*connection: close[^]*421 Misdirected Request\n$/);
    assert.deepEqual(refusals.counts, { 'other-host': 1 });
  });
});

void describe('HTTP/2', () => {
  async function openSession(
    t: TestContext,
    how: How = {},
  ): Promise<Scene & { session: ClientHttp2Session }> {
    const settings = { enableConnectProtocol: true };
    const server: Server = createHttp2Server({ settings }, (_request, response) => response.end('answer'));
    server.on('connect', (_request, response: ServerResponse) => response.end('answer'));
    const scene = await setScene(t, server, how);
    const session = connectHttp2(`http://127.0.0.1:${scene.port}`);
    t.after(() => session.destroy());
    return { ...scene, session };
  }

  async function ask(session: ClientHttp2Session, headers: Record<string, string>): Promise<number> {
    const isTunnel = headers[':method'] === 'CONNECT';
    const stream = session.request(isTunnel ? headers : { ':path': '/x', ...headers });
    stream.resume();
    let status = 0;
    stream.on('response', (answer) => (status = answer[':status'] ?? 0));
    // Newer versions of Node reset what others leave to us.
    stream.on('error', () => (status = 400));
    await new Promise((resolve) => stream.once('close', resolve));
    return status;
  }

  void it('has each stream for another authority answered 421 before the site sees it', async (t) => {
    const { session, seen } = await openSession(t);
    const statuses: number[] = [];
    for (const authority of ['a.test', 'b.test', 'A.Test:8080', '10.0.0.1', 'a.test.', 'sub.a.test'])
      statuses.push(await ask(session, { ':authority': authority }));
    assert.deepEqual(statuses, [200, 421, 200, 421, 200, 421]);
    assert.deepEqual([seen.length, session.closed], [3, false]);
  });

  for (const host of ['a.test', null]) {
    const whose = host === null ? 'its first stream was for' : 'its hello names';
    void it(`ends when the site has lost the host that ${whose}, whose streams it serves until then`, async (t) => {
      const { session, seen, hosts, ended } = await openSession(t, { host });
      assert.equal(await ask(session, { ':authority': 'a.test' }), 200);
      assert.equal(ended.size, 0);
      hosts.set([{ '*|80': { isDefault: false, own: ['c.test'], others: [] } }]);
      assert.equal(await ask(session, { ':authority': 'a.test' }), 200);
      assert.equal(ended.size, 1);
      assert.equal(await ask(session, { ':authority': 'b.test' }), 421);
      assert.equal(seen.length, 2);
    });
  }

  void it('has a WebSocket of another authority answered 421, and leaves tunnels to the site', async (t) => {
    const { session, seen } = await openSession(t);
    if (session.remoteSettings?.enableConnectProtocol !== true) await once(session, 'remoteSettings');
    const webSocket = { ':method': 'CONNECT', ':protocol': 'websocket', ':scheme': 'http', ':path': '/' };
    assert.equal(await ask(session, { ...webSocket, ':authority': 'b.test' }), 421);
    assert.equal(seen.length, 0);
    assert.equal(await ask(session, { ...webSocket, ':authority': 'a.test' }), 200);
    assert.equal(await ask(session, { ':method': 'CONNECT', ':authority': 'b.test:443' }), 200);
    assert.equal(seen.length, 2);
  });

  void it('refuses a Host that differs, and an authority that is none', async (t) => {
    const { session, seen, refusals } = await openSession(t);
    assert.equal(await ask(session, { ':authority': 'a.test', host: 'b.test' }), 400);
    assert.equal(await ask(session, { ':authority': 'a.test:99999' }), 400);
    const ours = { ...refusals.counts };
    assert.equal(await ask(session, { ':authority': 'u@a.test' }), 400);
    assert.equal(await ask(session, { ':authority': 'b.test', ':method': 'HEAD' }), 421);
    assert.equal(await ask(session, { ':authority': 'a.test', host: 'a.test' }), 200);
    assert.equal(seen.length, 1);
    assert.deepEqual(ours, { 'host-duplicate': 1, 'host-port': 1 });
    assert.equal(refusals.counts?.['other-host'], 1);
  });
});

void describe('HTTP/1 over TLS', () => {
  void it('is answered 421 for another host and 400 where it is ambiguous, and lives on behind 421', async (t) => {
    const server = createHttpsServer(await selfSigned('a.test'), (_request, response) =>
      response.end('answer'),
    );
    const { port, seen, refusals } = await setScene(t, server, { rerouting: true });
    const client = new RawClient(connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false }));
    t.after(() => client.socket.destroy());
    client.send(FOREIGN);
    await client.until(/421 Misdirected Request\n$/);
    client.send(OWN);
    await client.until(/answer$/);
    assert.deepEqual(refusals.counts, { 'other-host': 1 });
    client.send(OWN.replace('\r\n\r\n', '\r\nHost: b.test\r\n\r\n'));
    await client.closed;
    assert.match(client.text, /HTTP\/1.1 400 [^]*Connection: close/);
    assert.deepEqual(seen, ['/own']);
    assert.deepEqual(refusals.counts, { 'other-host': 1, 'host-duplicate': 1 });
  });

  async function openSecure(t: TestContext, how: How): Promise<Scene & { client: RawClient }> {
    const server = createHttpsServer(await selfSigned('a.test'), (_request, response) =>
      response.end('answer'),
    );
    const scene = await setScene(t, server, { rerouting: true, ...how });
    const client = new RawClient(
      connectTls({ port: scene.port, host: '127.0.0.1', rejectUnauthorized: false }),
    );
    t.after(() => client.socket.destroy());
    return { ...scene, client };
  }

  for (const host of ['a.test', null]) {
    const whose = host === null ? 'its first request was for' : 'its hello names';
    void it(`is served once more for the host that ${whose} when the site has lost that, and ends`, async (t) => {
      const { client, seen, hosts } = await openSecure(t, { host });
      for (const time of [1, 2]) {
        client.send(OWN);
        assert.doesNotMatch(await client.until(/answer$/), /Connection: close/);
        client.text = '';
        assert.equal(seen.length, time);
      }
      hosts.set([{ '*|80': { isDefault: false, own: ['c.test'], others: [] } }]);
      client.send(OWN);
      await client.closed;
      assert.match(client.text, /^HTTP\/1.1 200 [^]*Connection: close[^]*answer$/);
      assert.equal(seen.length, 3);
    });
  }

  void it('ends behind 421 for another host when the site has lost its own, or the worker leaves', async (t) => {
    for (const leaving of [false, true]) {
      const { client, seen, hosts } = await openSecure(t, { leaving });
      if (!leaving) hosts.set([{ '*|80': { isDefault: false, own: ['c.test'], others: [] } }]);
      client.send(FOREIGN);
      await client.closed;
      assert.match(client.text, /^HTTP\/1.1 421 [^]*Connection: close/);
      assert.deepEqual(seen, []);
    }
  });

  void it("is answered 421 for a host that was the site's, where the connection came for another one", async (t) => {
    const { client, seen, hosts } = await openSecure(t, {});
    hosts.set([{ '*|80': { isDefault: false, own: ['a.test', 'b.test'], others: [] } }]);
    for (const time of [1, 2]) {
      client.send(FOREIGN);
      await client.until(/answer$/);
      client.text = '';
      assert.equal(seen.length, time);
    }
    hosts.set([{ '*|80': { isDefault: false, own: ['a.test'], others: [] } }]);
    client.send(FOREIGN);
    assert.doesNotMatch(await client.until(/421 Misdirected Request\n$/), /Connection: close/);
    client.send(OWN);
    await client.until(/answer$/);
    assert.deepEqual(seen, ['/foreign', '/foreign', '/own']);
  });
});
