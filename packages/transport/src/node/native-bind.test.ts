import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import { describe, it } from 'node:test';
import { nativeBind, openBound } from './native-bind.js';

void describe('nativeBind', () => {
  void it('binds IPv4 and IPv6 without listening', () => {
    for (const [address, family] of [
      ['127.0.0.1', 4],
      ['::1', 6],
    ] as const) {
      const bound = nativeBind(address, 0, family);
      assert.ok(bound.handle !== undefined, `${address}: ${JSON.stringify(bound)}`);
      assert.equal(bound.address, address);
      assert.ok(bound.port > 0 && bound.handle.fd > 2);
      bound.handle.close();
    }
  });

  void it('finds a conflict that libuv would report only from listen', async () => {
    const server = net.createServer().listen({ host: '127.0.0.1', port: 0 });
    await once(server, 'listening');
    const address = server.address();
    assert.ok(typeof address === 'object' && address !== null);
    const { port } = address;
    assert.deepEqual(nativeBind('127.0.0.1', port, 4), { errno: 'EADDRINUSE' });
    assert.deepEqual(nativeBind('0.0.0.0', port, 4), { errno: 'EADDRINUSE' });
    assert.deepEqual(nativeBind('::', port, 6), { errno: 'EADDRINUSE' });
    server.close();
  });

  void it('gives the errno of an address that is not of this machine', () => {
    assert.deepEqual(nativeBind('192.0.2.1', 0, 4), { errno: 'EADDRNOTAVAIL' });
  });

  void it('takes IPv4 connections on the IPv6 wildcard', async () => {
    const bound = nativeBind('::', 0, 6);
    assert.ok(bound.handle !== undefined);
    const server = net.createServer((socket) => socket.end()).listen(bound.handle);
    await once(server, 'listening');
    for (const host of ['127.0.0.1', '::1']) {
      const client = net.connect({ host, port: bound.port });
      await once(client, 'connect');
      client.resume();
      await once(client, 'close');
    }
    server.close();
  });

  void it('opens a listener by its descriptor, and neither a connection nor what is no socket', () => {
    const listening = nativeBind('127.0.0.1', 0, 4);
    assert.ok(listening.handle !== undefined);
    const opened = openBound(listening.handle.fd);
    assert.deepEqual([opened?.address, opened?.port], ['127.0.0.1', listening.port]);
    // Two owners of one descriptor: only one may close it.
    opened?.handle.close();

    // In a process of its own, which may close what is another's.
    const client = spawnSync(
      process.execPath,
      ['--input-type=module', '-e', CONNECTED, new URL('native-bind.js', import.meta.url).href],
      { encoding: 'utf8' },
    );
    assert.equal(client.stdout, 'undefined undefined\n', client.stderr);
  });

  void it('says so where Node has no such internal', () => {
    const original: unknown = Reflect.get(net, '_createServerHandle');
    Reflect.set(net, '_createServerHandle', undefined);
    try {
      assert.throws(() => nativeBind('127.0.0.1', 0, 4), { code: 'ERR_NODE_INTERNALS' });
    } finally {
      Reflect.set(net, '_createServerHandle', original);
    }
  });
});

const CONNECTED = `
import net from 'node:net';
import { openSync } from 'node:fs';
const { openBound } = await import(process.argv[1]);
const server = net.createServer().listen(0, '127.0.0.1', () => {
  const client = net.connect(server.address().port, '127.0.0.1', () => {
    console.log(String(openBound(client._handle.fd)), String(openBound(openSync('/dev/null'))));
    process.exit();
  });
});`;
