import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, Server as HttpServer, ServerResponse } from 'node:http';
import { createServer as createHttp2Server } from 'node:http2';
import { createServer as createHttpsServer } from 'node:https';
import { createServer as createNetServer } from 'node:net';
import { describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import { createServer as createTlsServer } from 'node:tls';
import { connectRaw } from '../intake/fixtures/raw-client.test.kit.js';
import type { RawClient } from '../intake/fixtures/raw-client.test.kit.js';
import { destroyAfter } from '../intake/fixtures/serving.test.kit.js';
import { MaintenanceGate } from './maintenance-gate.js';

const PAGE = { html: '<p>maintenance</p>', retryAfterSeconds: 60 };
const GET = 'GET / HTTP/1.1\r\nHost: a.test\r\n\r\n';

interface Scene {
  server: HttpServer;
  gate: MaintenanceGate;
  client: RawClient;
  /** What has reached the site. */
  log: string[];
  /** A listener that answers with its name. */
  site(name: string): (request: IncomingMessage, response: ServerResponse) => void;
  /** The body of the next answer. */
  ask(text?: string): Promise<string>;
}

async function setScene(t: TestContext): Promise<Scene> {
  const log: string[] = [];
  const server = createServer();
  destroyAfter(t, server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const client = await connectRaw(t, typeof address === 'object' && address !== null ? address.port : 0);
  const site: Scene['site'] = (name) => (_request, response) => {
    log.push(name);
    response.end(`${name}.`);
  };
  const ask = async (text = GET): Promise<string> => {
    client.text = '';
    client.send(text);
    const received = await client.until(/\r\n\r\n(?:[0-9a-f]+\r\n)?[^.]*(?:\.|<\/p>)/);
    return received.slice(received.indexOf('\r\n\r\n') + 4);
  };
  return { server, gate: new MaintenanceGate(server), client, log, site, ask };
}

void describe('MaintenanceGate', () => {
  void it("answers in place of the site's listeners until it is closed, any number of times", async (t) => {
    const { server, gate, client, log, site, ask } = await setScene(t);
    server.on('request', site('site'));
    for (let count = 0; count < 3; count += 1) {
      assert.match(await ask(), /site\./);
      gate.open(PAGE);
      assert.equal(await ask(), PAGE.html);
      gate.open({ ...PAGE, html: '<p>another</p>' });
      assert.equal(await ask(), '<p>another</p>');
      assert.match(client.text, /^HTTP\/1.1 503 Service Unavailable\r\n/);
      assert.match(client.text, /\r\ncache-control: no-store\r\n/);
      gate.close();
    }
    assert.deepEqual(log, ['site', 'site', 'site']);
  });

  void it('loses no listener that the site adds or removes meanwhile, and none that hears once', async (t) => {
    const { server, gate, log, site, ask } = await setScene(t);
    const removed = site('removed');
    const notes: string[] = [];
    server.on('request', removed);
    server.once('request', () => notes.push('once'));
    gate.open(PAGE);
    server.removeListener('request', removed);
    server.on('request', site('added'));
    server.prependListener('request', () => notes.push('first'));
    assert.equal(await ask(), PAGE.html);
    assert.deepEqual([log, notes], [[], []]);
    gate.close();
    for (let count = 0; count < 2; count += 1) assert.match(await ask(), /added\./);
    assert.deepEqual(
      [log, notes],
      [
        ['added', 'added'],
        ['first', 'once', 'first'],
      ],
    );
  });

  void it('lets requests in work finish', async (t) => {
    const { server, gate, client, ask } = await setScene(t);
    const pending: ServerResponse[] = [];
    server.on('request', (_request, response) => pending.push(response));
    const requested = once(server, 'request');
    client.send(GET);
    await requested;
    gate.open(PAGE);
    pending[0]?.end('late.');
    await client.until(/late\./);
    assert.equal(await ask(), PAGE.html);
    assert.equal(pending.length, 1);
  });

  void it('answers what waits for 100 Continue without it, and keeps what follows from the site', async (t) => {
    const { server, gate, client, log, site } = await setScene(t);
    server.on('request', site('request'));
    server.on('checkContinue', site('checkContinue'));
    gate.open(PAGE);
    client.send(
      GET.replace('GET', 'POST').replace('\r\n\r\n', '\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n'),
    );
    await client.closed;
    assert.match(client.text, /^HTTP\/1.1 503 [\s\S]*\r\nConnection: close\r\n[\s\S]*<p>maintenance<\/p>$/);
    assert.deepEqual(log, []);
  });

  void it('answers upgrades and CONNECT on the bare connection and ends it', async (t) => {
    for (const [event, text] of [
      ['upgrade', GET.replace('\r\n\r\n', '\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nmore')],
      ['connect', 'CONNECT a.test:80 HTTP/1.1\r\nHost: a.test\r\n\r\n'],
    ] as const) {
      const { server, gate, client } = await setScene(t);
      server.on(event, () => assert.fail());
      gate.open(PAGE);
      client.send(text);
      await client.closed;
      assert.match(client.text, /^HTTP\/1.1 503 [\s\S]*\r\nconnection: close\r\n[\s\S]*<p>maintenance<\/p>$/);
    }
  });

  void it('goes on where somebody has put an emit of their own around it, and stays out of the way then', async (t) => {
    const { server, gate, log, site, ask } = await setScene(t);
    server.on('request', site('site'));
    gate.open(PAGE);
    const untyped: object = server;
    const ours: (...args: unknown[]) => boolean = Reflect.get(untyped, 'emit');
    const events = new Set<unknown>();
    Reflect.set(server, 'emit', (...args: unknown[]) => {
      events.add(args[0]);
      return Reflect.apply(ours, server, args);
    });
    assert.equal(await ask(), PAGE.html);
    gate.close();
    assert.match(await ask(), /site\./);
    gate.open(PAGE);
    assert.equal(await ask(), PAGE.html);
    assert.deepEqual([log, events.has('request')], [['site'], true]);
  });

  void it("shows what it answers to vhostd's own listeners", async (t) => {
    const { gate, ask } = await setScene(t);
    gate.watch((_request, response) => void (response as ServerResponse).setHeader('X-Watched', 'yes'));
    gate.open(PAGE);
    assert.equal(await ask(), PAGE.html);
  });

  void it('is refused by a server that speaks no HTTP, and by no other', () => {
    for (const server of [createNetServer(), createTlsServer()]) {
      assert.throws(() => new MaintenanceGate(server).open(PAGE), { code: 'ERR_MAINTENANCE_SERVER' });
    }
    for (const server of [createServer(), createHttpsServer(), createHttp2Server()]) {
      new MaintenanceGate(server).open(PAGE);
    }
  });
});
