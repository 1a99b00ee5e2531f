import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, get } from 'node:http';
import type { Server } from 'node:http';
import { connect, createServer as createHttp2Server } from 'node:http2';
import type { AddressInfo, Server as NetServer } from 'node:net';
import { test } from 'node:test';
import type { RequestStats } from '@vhostd/protocol';
import { RequestMeter } from './request-meter.js';

async function portOf(server: NetServer): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

async function ask(port: number, path = '/'): Promise<void> {
  const request = get({ port, host: '127.0.0.1', agent: false, path });
  const [response] = (await once(request, 'response')) as [NodeJS.ReadableStream];
  response.resume();
  await once(response, 'end');
}

function statsOf(meter: RequestMeter): RequestStats {
  assert.ok(meter.stats !== undefined);
  return meter.stats;
}

test('where nothing is measured, requests of its own server are counted, and the server does not notice', async (t) => {
  const [own, other]: Server[] = [0, 1].map(() => createServer((_request, response) => void response.end()));
  assert.ok(own !== undefined && other !== undefined);
  t.after(() => [own, other].forEach((server) => server.close()));
  const meter = new RequestMeter(false);
  meter.watch(own);
  assert.equal(own.listenerCount('request'), 1);
  const [port, otherPort] = [await portOf(own), await portOf(other)];
  await Promise.all([ask(port), ask(port), ask(otherPort)]);
  await ask(port);
  assert.equal(meter.count, 3);
  assert.equal(meter.stats, undefined);
});

test('requests of its own server are counted by the status and the duration of their answer', async (t) => {
  const [own, other]: Server[] = [0, 1].map(() =>
    createServer((request, response) => {
      response.statusCode = Number(request.url?.slice(1) ?? 0);
      response.end();
    }),
  );
  assert.ok(own !== undefined && other !== undefined);
  t.after(() => [own, other].forEach((server) => server.close()));
  const meter = new RequestMeter(true);
  meter.watch(own);
  assert.equal(own.listenerCount('request'), 1);
  const [port, otherPort] = [await portOf(own), await portOf(other)];
  for (const status of [200, 204, 302, 404, 500]) await ask(port, `/${status}`);
  await ask(otherPort, '/200');
  const { started, answered, durations, durationMs } = statsOf(meter);
  assert.equal(started, 5);
  assert.deepEqual(answered, [0, 2, 1, 1, 1]);
  assert.equal(durations.length, 12);
  assert.equal(
    durations.reduce((sum, count) => sum + count, 0),
    5,
  );
  assert.ok(durationMs > 0);
});

test('an answer that took long is counted behind its bound, one that was cut off is not', async (t) => {
  const server = createServer((request, response) => {
    if (request.url === '/cut') response.destroy();
    else setTimeout(() => response.end(), 60);
  });
  t.after(() => server.close());
  const meter = new RequestMeter(true);
  meter.watch(server);
  const port = await portOf(server);
  await ask(port);
  await assert.rejects(ask(port, '/cut'));
  const { started, answered, durations } = statsOf(meter);
  assert.deepEqual([started, answered], [2, [0, 1, 0, 0, 0]]);
  // Those of up to 5, 10, 25 and 50 ms.
  assert.deepEqual(durations.slice(0, 4), [0, 0, 0, 0]);
});

test('the streams of HTTP/2 are requests', async (t) => {
  const server = createHttp2Server((_request, response) => {
    response.statusCode = 404;
    response.end('no');
  });
  const [counting, meter] = [new RequestMeter(false), new RequestMeter(true)];
  for (const one of [counting, meter]) one.watch(server);
  const client = connect(`http://127.0.0.1:${await portOf(server)}`);
  t.after(() => {
    client.destroy();
    server.close();
  });
  for (let index = 0; index < 3; index += 1) {
    const stream = client.request({ ':path': '/' });
    stream.resume();
    await once(stream, 'close');
  }
  // The server's side of a stream closes by itself.
  while (statsOf(meter).answered[3] !== 3) await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual([counting.count, meter.count], [3, 3]);
});
