import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createSecureServer } from 'node:http2';
import { createServer as createHttps } from 'node:https';
import type { Server } from 'node:net';
import { describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import { connect, createSecureContext } from 'node:tls';
import type { CertificateFacts, ListenRequest } from '@vhostd/protocol';
import { selfSigned } from './intake/fixtures/self-signed.test.kit.js';
import { addressOf } from './intake/fixtures/server-address.test.kit.js';
import type { SecureFront } from './intake/secure-front.js';
import { SiteKeys } from './site-keys.js';

const [a, b, own] = await Promise.all([selfSigned('a.test'), selfSigned('b.test'), selfSigned('own.test')]);
const port = 443;
const LISTEN: ListenRequest[] = [
  { type: 'ssl', host: 'a.test', port, ...a },
  { type: 'ssl', host: '*.b.test', port, ...b },
];

function keysOf(server: Server, listen: readonly ListenRequest[], fronts: SecureFront[] = []): SiteKeys {
  const keys = new SiteKeys(listen, { onFront: (front) => fronts.push(front) });
  keys.setServer(server);
  return keys;
}

/** The name in the certificate that a client gets, and the protocol that it was offered. */
async function seenBy(t: TestContext, server: Server, servername: string): Promise<[string, string]> {
  if (!server.listening) {
    server.listen(0, '127.0.0.1');
    t.after(() => server.close());
    await once(server, 'listening');
  }
  const socket = connect({
    port: addressOf(server).port,
    host: '127.0.0.1',
    servername,
    rejectUnauthorized: false,
    ALPNProtocols: ['h2', 'http/1.1'],
  });
  t.after(() => socket.destroy());
  await once(socket, 'secureConnect');
  const seen: [string, string] = [
    String(socket.getPeerCertificate().subject.CN),
    String(socket.alpnProtocol),
  ];
  socket.destroy();
  return seen;
}

void describe('the keys of the conf', () => {
  void it('are those of a server that ends TLS itself and has none', async (t) => {
    const server = createSecureServer({ allowHTTP1: true, minVersion: 'TLSv1.3' });
    const keys = keysOf(server, LISTEN);
    await keys.load();
    assert.deepEqual(await seenBy(t, server, 'a.test'), ['a.test', 'h2']);
    assert.deepEqual(await seenBy(t, server, 'x.y.b.test'), ['b.test', 'h2']);
    assert.deepEqual(await seenBy(t, server, 'unknown.test'), ['a.test', 'h2']);
    assert.equal(Reflect.get(server, 'minVersion'), 'TLSv1.3');
    await keys.change([{ type: 'ssl', host: 'own.test', port, ...own }], () => Promise.resolve());
    assert.deepEqual(await seenBy(t, server, 'a.test'), ['own.test', 'h2']);
  });

  void it('are asked for by name only while names have different ones', async (t) => {
    const server = createHttps();
    const asks = (): boolean =>
      Object.getOwnPropertySymbols(server).some(
        (symbol) => symbol.description === 'snicallback' && typeof Reflect.get(server, symbol) === 'function',
      );
    const one: ListenRequest[] = [
      { type: 'ssl', host: 'a.test', port, ...a },
      { type: 'ssl', host: '*.a.test', port, ...a },
    ];
    const keys = keysOf(server, one);
    await keys.load();
    assert.equal(asks(), false);
    assert.deepEqual(await seenBy(t, server, 'a.test'), ['a.test', 'http/1.1']);
    // Both confs count while the master has not said yes.
    await keys.change([{ type: 'ssl', host: 'b.test', port, ...b }], async () => {
      assert.equal(asks(), true);
      assert.deepEqual(await seenBy(t, server, 'a.test'), ['a.test', 'http/1.1']);
      assert.deepEqual(await seenBy(t, server, 'b.test'), ['b.test', 'http/1.1']);
    });
    assert.equal(asks(), false);
    assert.deepEqual(await seenBy(t, server, 'a.test'), ['b.test', 'http/1.1']);
    await assert.rejects(
      keys.change(LISTEN, () => Promise.reject(new Error('refused'))),
      /refused/,
    );
    assert.equal(asks(), false);
    await keys.change(LISTEN, () => Promise.resolve());
    assert.equal(asks(), true);
    assert.deepEqual(await seenBy(t, server, 'x.b.test'), ['b.test', 'http/1.1']);
  });

  void it('stay as they were where a change is refused', async (t) => {
    const server = createHttps();
    const keys = keysOf(server, LISTEN);
    await keys.load();
    const change = keys.change([{ type: 'ssl', port, ...own }], () => Promise.reject(new Error('refused')));
    await assert.rejects(change, { message: 'refused' });
    assert.deepEqual(await seenBy(t, server, 'own.test'), ['a.test', 'http/1.1']);
  });

  void it('give way to those that a server has in its code, and need not be there then', async (t) => {
    const context = createSecureContext(own);
    const servers: Server[] = [
      createSecureServer(own),
      createHttps(own),
      createHttps({ SNICallback: (_name, callback) => callback(null, context) }),
    ];
    for (const server of servers) {
      for (const listen of [LISTEN, [{ type: 'ssl', port } as const]]) {
        await keysOf(server, listen).load();
        assert.equal((await seenBy(t, server, 'a.test'))[0], 'own.test');
      }
    }
  });

  void it('are missed by a server that has none', async () => {
    for (const server of [createHttps(), createSecureServer(), createServer()]) {
      const load = keysOf(server, [{ type: 'ssl', host: 'a.test', port }]).load();
      await assert.rejects(load, { code: 'ERR_TLS_KEY' });
    }
  });

  void it('go to a TLS side of their own where the server speaks plain HTTP', async () => {
    const fronts: SecureFront[] = [];
    const keys = keysOf(createServer(), LISTEN, fronts);
    await keys.load();
    await keys.change(LISTEN, () => Promise.resolve());
    assert.equal(fronts.length, 1);
  });
});

void describe('the certificates that are reported', () => {
  const told: string[][] = [];
  function telling(server: Server): SiteKeys {
    told.length = 0;
    const onCertificates = (all: readonly CertificateFacts[]): void => {
      told.push(all.map(({ host = '*', names }) => `${host}: ${names.join()}`));
    };
    const keys = new SiteKeys(LISTEN, { onFront: () => undefined, onCertificates });
    keys.setServer(server);
    return keys;
  }
  const first = ['a.test: a.test', '*.b.test: b.test'];

  void it('are those in force: not those on trial that are refused, and none when the entries are gone', async () => {
    for (const server of [createServer(), createHttps()]) {
      const keys = telling(server);
      await keys.load();
      assert.deepEqual(told, [first]);
      const refused = keys.change([{ type: 'ssl', port, ...own }], () => Promise.reject(new Error('no')));
      await assert.rejects(refused);
      assert.deepEqual(told, [first]);
      await keys.change([{ type: 'ssl', port, ...own }], () => Promise.resolve());
      assert.deepEqual(told, [first, ['*: own.test']]);
      await keys.change([], () => Promise.resolve());
      await keys.change([], () => Promise.resolve());
      assert.deepEqual(told, [first, ['*: own.test'], []]);
    }
  });

  void it('are none where the app has keys of its own', async () => {
    const keys = telling(createHttps(own));
    await keys.load();
    assert.deepEqual(told, []);
  });
});
