// What a server's code sees of a connection that a balancer passes on.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { test } from 'node:test';
import type { NativeHandle } from '@vhostd/transport';
import { setConnectionEnds } from './connection-ends.js';
import { giveUpHandle, socketOf } from './socket-handle.js';

const FLAGS = { secure: false, peeked: false, handedBack: false };

test('a socket says the addresses that its connection came with', async (t) => {
  const { handle } = await connection(t);
  const client = { address: '2001:db8::7', port: 40_001 };
  setConnectionEnds(handle, { ...FLAGS, client, server: { address: '192.0.2.1', port: 443 } });
  const socket = socketOf(handle);
  t.after(() => socket.destroy());
  assert.deepEqual(
    [socket.remoteAddress, socket.remotePort, socket.remoteFamily],
    ['2001:db8::7', 40_001, 'IPv6'],
  );
  assert.deepEqual([socket.localAddress, socket.localPort], ['192.0.2.1', 443]);
  assert.deepEqual(socket.address(), { address: '192.0.2.1', port: 443, family: 'IPv4' });
});

test('a connection that came without any keeps its own', async (t) => {
  const { handle, peer } = await connection(t);
  setConnectionEnds(handle, FLAGS);
  const socket = socketOf(handle);
  t.after(() => socket.destroy());
  assert.deepEqual([socket.remoteAddress, socket.remotePort], ['127.0.0.1', peer.localPort]);
});

/** An accepted connection as a bare handle, and its client. */
async function connection(t: {
  after(undo: () => void): void;
}): Promise<{ handle: NativeHandle; peer: Socket }> {
  const server = createServer({ pauseOnConnect: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const peer = connect((server.address() as AddressInfo).port, '127.0.0.1');
  t.after(() => peer.destroy());
  const [[accepted]] = (await Promise.all([once(server, 'connection'), once(peer, 'connect')])) as [
    [Socket],
    unknown,
  ];
  const handle = giveUpHandle(accepted);
  assert.ok(handle);
  return { handle, peer };
}
