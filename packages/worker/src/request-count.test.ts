import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, get } from 'node:http';
import type { Server } from 'node:http';
import { connect, createServer as createHttp2Server } from 'node:http2';
import type { AddressInfo, Server as NetServer } from 'node:net';
import { test } from 'node:test';
import { RequestCount } from './request-count.js';

async function portOf(server: NetServer): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

async function ask(port: number): Promise<void> {
  const request = get({ port, host: '127.0.0.1', agent: false });
  const [response] = (await once(request, 'response')) as [NodeJS.ReadableStream];
  response.resume();
  await once(response, 'end');
}

test('the requests of its own server are counted, and the server does not notice', async (t) => {
  const [own, other]: Server[] = [0, 1].map(() => createServer((_request, response) => void response.end()));
  assert.ok(own !== undefined && other !== undefined);
  t.after(() => [own, other].forEach((server) => server.close()));
  const count = new RequestCount();
  count.watch(own);
  assert.equal(own.listenerCount('request'), 1);
  const [port, otherPort] = [await portOf(own), await portOf(other)];
  await Promise.all([ask(port), ask(port), ask(otherPort)]);
  await ask(port);
  assert.equal(count.value, 3);
});

test('the streams of HTTP/2 are requests', async (t) => {
  const server = createHttp2Server((_request, response) => void response.end());
  const count = new RequestCount();
  count.watch(server);
  const client = connect(`http://127.0.0.1:${await portOf(server)}`);
  t.after(() => {
    client.destroy();
    server.close();
  });
  for (let index = 0; index < 3; index += 1) {
    const stream = client.request({ ':path': '/' });
    stream.resume();
    await once(stream, 'end');
  }
  assert.equal(count.value, 3);
});
