import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import { nativeCalls } from './native-calls.js';

const calls = nativeCalls();

void test(
  'how the peer of a connection stands is seen without reading from it, of many at once',
  { skip: calls === undefined && 'no library makes system calls here' },
  async (t) => {
    const server = createServer({ pauseOnConnect: true, allowHalfOpen: true }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const pair = async (): Promise<{ client: Socket; fd: number }> => {
      const accepted = once(server, 'connection') as Promise<[Socket]>;
      const client = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
      const [socket] = await accepted;
      t.after(() => [client, socket].forEach((one) => one.destroy()));
      client.on('error', () => undefined);
      socket.on('error', () => undefined);
      const handle = Reflect.get(socket, '_handle') as { fd: number };
      return { client, fd: handle.fd };
    };
    t.after(() => server.close());
    const [there, finished, gone] = [await pair(), await pair(), await pair()];
    for (const { client } of [there, finished, gone]) client.write('unread');
    finished.client.end();
    gone.client.resetAndDestroy();
    const fds = [...Array.from({ length: 600 }, () => there.fd), finished.fd, gone.fd, -1];
    const wanted = ['finished', 'gone', 'there'];
    let standings: string[] = [];
    while (String(standings.slice(600)) !== String(wanted)) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      standings = calls?.peersOf(fds) ?? [];
    }
    assert.deepEqual(new Set(standings.slice(0, 600)), new Set(['there']));
  },
);
