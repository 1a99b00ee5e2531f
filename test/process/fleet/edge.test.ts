// Two machines, a real etcd, `vhostd edge` and HAProxy on one host: who stops, who dies, and that no client notices.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import type { FleetDrainResult, FleetStatus } from '@vhostd/protocol';
import { FleetEdge, haproxySkip } from '../../kit/edge.js';
import { Etcd, etcdSkip } from '../../kit/etcd.js';
import { startMachine } from '../../kit/fleet-machine.js';
import { freePort } from '../../kit/free-port.js';
import { inParallel } from '../../kit/in-parallel.js';
import { Load } from '../../kit/load.js';
import type { FullVhostd } from '../../kit/start-vhostd.js';
import { until } from '../../kit/until.js';

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
  'a machine that is drained gets nobody until it is brought back, also by the next master',
  { skip },
  async (t) => {
    const { edge, machines, names, port } = await start(t);
    const [m1, m2] = machines;
    const loads = loadOn(port);
    await inParallel(loads, loads.length, (load) => load.progress(20));
    const drained = await m1.run('fleet', 'drain');
    assert.equal(drained.code, 0, drained.stdout + drained.stderr);
    assert.match(drained.stdout, /^m1 is drained: applied by /);
    const both = { [names[0]]: 'up', [names[1]]: 'up' };
    assert.deepEqual(await edge.servers(BACKEND), { ...both, [names[0]]: 'drain' });

    process.kill((await m1.status()).master?.pid ?? 0, 'SIGKILL');
    await m1.logs('master::ready', 2);
    await until('the next master has it out', async () => {
      const value = JSON.parse((await m1.run('fleet', 'status', '--json')).stdout) as FleetStatus;
      const isOut = value.store?.machines.some(
        ({ machine, drained: out }) => machine === 'm1' && out === true,
      );
      return { done: value.drained === true && isOut === true, value };
    });
    assert.notEqual((await edge.servers(BACKEND))[names[0]], 'up');

    const alone = await m2.run('fleet', 'drain', '--json');
    const { edges, alone: hosts } = JSON.parse(alone.stdout) as FleetDrainResult;
    assert.deepEqual([hosts.hosts, edges[0]?.applied, edges[0]?.kept], [['a.test'], true, 1]);
    assert.equal((await m2.run('fleet', 'resume')).code, 0);
    assert.equal((await m1.run('fleet', 'resume')).code, 0);
    await edge.until(BACKEND, both);

    const upgraded = await m1.run('upgrade', '--fleet');
    assert.equal(upgraded.code, 0, upgraded.stdout + upgraded.stderr);
    assert.match(upgraded.stdout, /m1 is drained.*vhostd upgraded.*m1 is back/s);
    const failed = await m1.run('upgrade', '--fleet', '--node', '/nonexistent/node');
    assert.equal(failed.code, 1);
    assert.match(failed.stdout, /m1 is drained.*m1 is back/s);
    await edge.until(BACKEND, both);
    await end(t, loads);
  },
);

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
