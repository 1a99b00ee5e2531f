import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, get } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { Refusals } from './rehome/refusals.js';
import { WorkerMeters } from './worker-meters.js';

void test('what nobody collects is not measured: the heartbeat has what the limits of a site need', async (t) => {
  const refusals = new Refusals();
  const meters = new WorkerMeters({ measures: false }, refusals);
  const server = createServer((_request, response) => void response.end());
  t.after(() => server.close());
  meters.watch(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  assert.equal(meters.read().requestCount, 0);
  const request = get({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', agent: false });
  const [response] = (await once(request, 'response')) as [NodeJS.ReadableStream];
  response.resume();
  await once(response, 'end');
  const { requestCount, residentBytes, cpuMs, ...rest } = meters.read();
  assert.equal(requestCount, 1);
  assert.ok(residentBytes > 0 && cpuMs > 0);
  assert.deepEqual(rest, {});
});

void test('where it is collected, requests and the delay of the loop are told too, and what was refused', () => {
  const refusals = new Refusals();
  const meters = new WorkerMeters({ measures: true }, refusals);
  assert.equal(meters.read().refused, undefined);
  refusals.add('other-host');
  const { requests, loopDelay, refused } = meters.read();
  assert.ok(requests !== undefined && loopDelay !== undefined);
  assert.deepEqual(refused, { 'other-host': 1 });
});
