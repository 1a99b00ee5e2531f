// Two machines, a real etcd, `vhostd edge` and HAProxy on one host: who stops, who dies, and that no client notices.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { FleetEdge, haproxySkip } from '../../kit/edge.js';
import { Etcd, etcdSkip } from '../../kit/etcd.js';
import { startMachine } from '../../kit/fleet-machine.js';
import { freePort } from '../../kit/free-port.js';
import { inParallel } from '../../kit/in-parallel.js';
import { Load } from '../../kit/load.js';
import type { FullVhostd } from '../../kit/start-vhostd.js';

const skip = etcdSkip === false ? haproxySkip : etcdSkip;
const BACKEND = 'http:a.test';

interface Bench {
  etcd: Etcd;
  edge: FleetEdge;
  machines: [FullVhostd, FullVhostd];
  /** Names of the servers. */
  names: [string, string];
  port: number;
}

async function start(t: TestContext): Promise<Bench> {
  const [etcd] = await Etcd.start(t);
  assert.ok(etcd);
  const [port, first, second] = [await freePort(), await freePort(), await freePort()];
  const endpoints = [etcd.url];
  const m1 = await startMachine(t, { machine: 'm1', endpoints, port: first });
  const m2 = await startMachine(t, { machine: 'm2', endpoints, port: second });
  const edge = await FleetEdge.start(t, { endpoints, http: [`127.0.0.1:${port}`], https: [] });
  const names: [string, string] = [`m1:${first}:v2`, `m2:${second}:v2`];
  await edge.until(BACKEND, { [names[0]]: 'up', [names[1]]: 'up' });
  return { etcd, edge, machines: [m1, m2], names, port };
}

function loadOn(port: number): Load[] {
  return (['kept', 'fresh'] as const).map(
    (connections) => new Load({ port, host: 'a.test', connections, clientCount: 5, pauseMaxMs: 40 }),
  );
}

async function end(t: TestContext, loads: readonly Load[]): Promise<void> {
  for (const load of loads) {
    await load.progress(20);
    const outcome = await load.stop();
    t.diagnostic(String(outcome));
    outcome.assertNothingLost();
  }
}

void test('no client notices that a machine stops, or starts, or is upgraded', { skip }, async (t) => {
  const { edge, machines, names, port } = await start(t);
  const [m1] = machines;
  const loads = loadOn(port);
  await inParallel(loads, loads.length, (load) => load.progress(20));
  assert.equal((await m1.run('stop', 'a')).code, 0);
  await edge.until(BACKEND, { [names[1]]: 'up' });
  assert.equal((await m1.run('start', 'a')).code, 0);
  await edge.until(BACKEND, { [names[0]]: 'up', [names[1]]: 'up' });
  assert.equal((await m1.run('restart', 'a')).code, 0);
  assert.equal((await m1.run('upgrade')).code, 0);
  assert.equal((await m1.run('reload', 'a')).code, 0);
  await end(t, loads);
});

void test(
  'no client notices that the store is lost, empty, or that the edge is killed',
  { skip },
  async (t) => {
    const { etcd, edge, names, port } = await start(t);
    const both = { [names[0]]: 'up', [names[1]]: 'up' };
    const loads = loadOn(port);
    await inParallel(loads, loads.length, (load) => load.progress(20));
    await etcd.kill();
    await edge.killEdge();
    edge.startEdge();
    await edge.until(BACKEND, both);
    etcd.empty();
    etcd.start();
    await etcd.answers();
    await inParallel(loads, loads.length, (load) => load.progress(100));
    assert.deepEqual(await edge.servers(BACKEND), both);
    await end(t, loads);
  },
);
