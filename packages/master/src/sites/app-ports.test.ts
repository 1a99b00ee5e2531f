// The ports that the workers of a site share: who gets them, for how long, and who does not.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { AnswerWithHandle } from '@vhostd/transport';
import type { FakeProcess } from '../workers/fake-spawner.test.kit.js';
import { SiteBench } from './site-bench.test.kit.js';

/** A port on which nothing listens at this moment. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await once(server.close(), 'close');
  return port;
}

/** The descriptor of the socket that a worker gets for a port of 127.0.0.1. */
async function open(worker: FakeProcess, port: number): Promise<number> {
  const answer = await worker.ask('openPort', { port, ipaddress: '127.0.0.1' });
  assert.ok(answer instanceof AnswerWithHandle);
  return answer.handle.fd;
}

test('all workers of a site get the same socket, through its reloads', async (t) => {
  const bench = new SiteBench(t);
  const site = await bench.run('a', { cpuLen: 2 });
  const port = await freePort();
  const [first, second] = bench.spawner.living;
  assert.ok(first !== undefined && second !== undefined);
  const fds = await Promise.all([open(first, port), open(second, port)]);
  const reload = site.reload();
  await bench.until('it boots', () => bench.spawner.names.includes('2.0'));
  fds.push(await open(bench.spawner.last, port));
  assert.equal(new Set(fds).size, 1);
  await bench.comeUp(site);
  await reload;
});

test('a socket is kept while another worker is to come, and closed when none wants it', async (t) => {
  const bench = new SiteBench(t);
  const site = await bench.run('a');
  const port = await freePort();
  const fd = await open(bench.spawner.last, port);
  bench.spawner.last.exit(1);
  await bench.until('another boots', () => bench.spawner.living.length === 1);
  assert.equal(await open(bench.spawner.last, port), fd);
  bench.spawner.last.ready();
  const reload = site.reload();
  bench.spawner.last.ready();
  await reload;
  // The new one has not asked for it: other sites may have it.
  const other = await bench.run('b');
  await bench.until('the old one has gone', () => site.status().workers.length === 1);
  await open(bench.spawner.last, port);
  await other.stop(false);
  await bench.run('c');
  await open(bench.spawner.last, port);
});

test('a port that another site, or vhostd itself, has is in use, and the other way round', async (t) => {
  const bench = new SiteBench(t);
  await bench.run('a');
  const [a] = bench.spawner.living;
  const port = await freePort();
  assert.ok(a !== undefined);
  await open(a, port);
  await bench.run('b');
  const code = 'ERR_LISTEN_ADDRESS_IN_USE';
  await assert.rejects(bench.spawner.last.ask('openPort', { port }), { code });
  const listen = [{ type: 'tcp', host: 'c.test', port, ipaddress: '127.0.0.1' }];
  assert.equal((await bench.load('c', { listen }).bringUp())?.code, code);
  const [served] = bench.listeners.list();
  const taken = { port: served?.info.port, ipaddress: '127.0.0.1' };
  await assert.rejects(a.ask('openPort', taken), { code: 'ERR_LISTEN_OVERLAP' });
});

test('what is no port, more of them than a site may have, and what its allow leaves out are refused', async (t) => {
  const bench = new SiteBench(t);
  await bench.run('a', { allow: { ports: ['20000-60000'], ipaddresses: ['127.0.0.1'] } });
  const worker = bench.spawner.last;
  for (const params of [
    null,
    {},
    { port: 0 },
    { port: 1.5 },
    { port: 25_000, ipaddress: 'a' },
    { port: '80' },
  ]) {
    await assert.rejects(worker.ask('openPort', params), { code: 'ERR_CALL_INVALID' });
  }
  await assert.rejects(worker.ask('openPort', { port: 8080, ipaddress: '127.0.0.1' }), {
    code: 'ERR_ALLOW_PORT',
    message: "listen: port: 8080 is outside of the site's allow.ports (20000-60000)",
  });
  await assert.rejects(worker.ask('openPort', { port: 25_000 }), { code: 'ERR_ALLOW_IPADDRESS' });
  const opened = await Promise.allSettled(
    Array.from({ length: 60 }, (_, index) => open(worker, 25_000 + index)),
  );
  const codes = opened.flatMap((one) =>
    one.status === 'rejected' ? [Reflect.get(Object(one.reason), 'code') as unknown] : [],
  );
  assert.ok(codes.includes('ERR_CALL_TOO_MANY'), codes.join());
});

test('a port that needs privileges is bound for no worker of another user', async (t) => {
  const bench = new SiteBench(t);
  await bench.run('a', { workerOptions: { uid: 12_345 } });
  await assert.rejects(bench.spawner.last.ask('openPort', { port: 81 }), { code: 'ERR_LISTEN_PERMISSION' });
});
