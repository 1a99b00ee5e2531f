import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { test } from 'node:test';
import { udpBind } from './udp-bind.js';

async function freePort(): Promise<number> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  await new Promise<void>((resolve) => socket.close(resolve));
  return port;
}

test('a UDP socket is bound, and what is sent to it waits for who reads it', async (t) => {
  const port = await freePort();
  const { handle, ...place } = udpBind('127.0.0.1', port, 4);
  assert.ok(handle !== undefined);
  assert.deepEqual(place, { address: '127.0.0.1', port });
  assert.deepEqual(udpBind('127.0.0.1', port, 4), { errno: 'EADDRINUSE' });
  const client = createSocket('udp4');
  t.after(() => client.close());
  await new Promise((resolve) => client.send('early', port, '127.0.0.1', resolve));
  // A handle is what Node's bind takes, too.
  const reader = createSocket('udp4');
  Reflect.apply(reader.bind, reader, [handle]);
  const [message] = (await once(reader, 'message')) as [Buffer];
  assert.equal(message.toString(), 'early');
  reader.close();
});

test('of IPv6, every address takes IPv4 as well; what can not be bound is told', async () => {
  const port = await freePort();
  const { handle } = udpBind('::', port, 6);
  assert.ok(handle !== undefined);
  assert.deepEqual(udpBind('127.0.0.1', port, 4), { errno: 'EADDRINUSE' });
  handle.close();
  assert.deepEqual(udpBind('192.0.2.1', port, 4), { errno: 'EADDRNOTAVAIL' });
});
