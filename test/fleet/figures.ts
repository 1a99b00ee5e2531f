// What clients of a fleet notice of stops, deaths, and a store that is lost. Each test is a row of the table in
// docs/fleet.md. Not a part of the suite: node scripts/test-fleet.js
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { atEnd } from '../kit/at-end.js';
import { machineConf, machineSite, publisherOf } from '../kit/fleet-machine.js';
import { HeldRequest } from '../kit/held-request.js';
import type { FullVhostd } from '../kit/start-vhostd.js';
import { until } from '../kit/until.js';
import { isAlive } from '../kit/processes.js';
import { BOTH, FleetBench, ONLY_M1, ONLY_M2, PREFIX } from './fleet-bench.js';
import { Network } from './network.js';

const network = new Network(['edge', 'm1', 'm2', 'etcd']);

void describe('no client notices that', () => {
  for (const [what, happen] of Object.entries({
    'm1 stops its site and starts it again': stopAndStart,
    'm1 restarts its site': ({ m1 }: FleetBench) => succeeds(m1, 'restart', 'a'),
    'm1 is upgraded': ({ m1 }: FleetBench) => succeeds(m1, 'upgrade'),
    'm1 reloads its site': ({ m1 }: FleetBench) => succeeds(m1, 'reload', 'a'),
    'm1 serves another host': anotherHost,
    'm1 gives up its host': otherHost,
    'm1 stops as a whole': stopMachine,
    'the store is killed, and comes back after 8 s': killStore,
    'the store comes back empty': emptyStore,
    'the store stands still until each lease has ended': pauseStore,
    'the processes that publish are killed': killPublishers,
    'the edge is killed': killEdge,
    'the edge is behind what the store remembers': compactStore,
  } satisfies Record<string, (bench: FleetBench) => Promise<void>>)) {
    void it(what, async (t) => {
      const bench = await FleetBench.start(t, network);
      await happen(bench);
      await endWithoutLoss(t, bench);
    });
  }

  void it('the leader of three members of the store is killed', async (t) => {
    const bench = await FleetBench.start(t, network, { memberCount: 3 });
    const leader = await bench.leader();
    await leader.kill();
    await stopAndStart(bench);
    leader.start();
    await leader.answers();
    await stopAndStart(bench);
    await endWithoutLoss(t, bench);
  });
});

void describe('a client notices no more than it must that', () => {
  void it('HAProxy and the edge are started anew without the store', async (t) => {
    const { clients, edge, store, ...bench } = await FleetBench.start(t, network);
    await store.kill();
    // While there is no HAProxy nobody can be served.
    await clients.hold();
    await edge.stopHaproxy();
    await edge.killEdge();
    await edge.startHaproxy();
    clients.goOn();
    await clients.progress(100);
    edge.startEdge();
    await edge.until('http:a.test', BOTH);
    store.start();
    await store.answers();
    await stopAndStart({ edge, ...bench });
    await endWithoutLoss(t, { clients });
  });

  void it('daemon and master of m2 are killed', async (t) => {
    const bench = await FleetBench.start(t, network, { drainTimeout: '30s' });
    const { clients, edge, m2 } = bench;
    const held = await inWorkOnBoth(bench);
    await clients.progress(50);
    const { daemon, master } = await m2.status();
    const pids = [daemon.pid, master?.pid ?? 0];
    for (const pid of pids) process.kill(pid, 'SIGSTOP');
    for (const pid of pids) process.kill(pid, 'SIGKILL');
    const killedMs = performance.now();
    // Until a process has gone the kernel takes connections for it.
    await until('both have gone', () => {
      const value = pids.filter(isAlive);
      return { done: value.length === 0, value };
    });
    const goneMs = performance.now();
    // What workers have in work they finish.
    for (const request of held) await request.finish();
    await m2.until('both halves are back', (status) => status.daemon.pid !== daemon.pid);
    await edge.until('http:a.test', BOTH);
    await clients.progress(100);
    await clients.stop(t);
    t.diagnostic(`${clients.failed.length} failed, of connections that no worker had`);
    clients.assertLostOnlyAt(killedMs, goneMs);
  });

  void it('the cable of m2 is cut', async (t) => {
    const bench = await FleetBench.start(t, network);
    const { clients, edge } = bench;
    const held = await inWorkOnBoth(bench);
    await clients.progress(50);
    atEnd(t, () => network.mend('m2'));
    await network.cut('m2');
    const cutMs = performance.now();
    await edge.until('http:a.test', ONLY_M1);
    await clients.progress(100);
    const ends = await Promise.allSettled(held.map((request) => request.finish()));
    assert.equal(ends.filter(({ status }) => status === 'rejected').length, 2, 'what m2 had in work is lost');
    await network.mend('m2');
    await edge.until('http:a.test', BOTH);
    await clients.progress(100);
    await clients.stop(t);
    t.diagnostic(`${clients.failed.length} failed, in work on m2`);
    clients.assertLostOnlyAt(cutMs);
  });
});

/** Four requests that both machines have in work, two each. */
async function inWorkOnBoth({ clients, m1, m2 }: FleetBench): Promise<HeldRequest[]> {
  await clients.hold();
  const address = network.addressOf('edge');
  const held = await Promise.all(Array.from({ length: 4 }, () => HeldRequest.begin(80, 'a.test', address)));
  await until('two are in work on each machine', async () => {
    const value = await Promise.all([m1, m2].map(connectionCount));
    return { done: value.every((count) => count === 2), value };
  });
  clients.goOn();
  return held;
}

async function endWithoutLoss(t: TestContext, { clients }: Pick<FleetBench, 'clients'>): Promise<void> {
  await clients.progress(200);
  await clients.stop(t);
  clients.assertNothingLost();
}

async function succeeds(vhostd: FullVhostd, ...command: string[]): Promise<void> {
  const { code, stderr } = await vhostd.run(...command);
  assert.equal(code, 0, stderr);
}

async function stopAndStart({ m1, edge }: Pick<FleetBench, 'm1' | 'edge'>): Promise<void> {
  await succeeds(m1, 'stop', 'a');
  await edge.until('http:a.test', ONLY_M2);
  await succeeds(m1, 'start', 'a');
  await edge.until('http:a.test', BOTH);
}

async function anotherHost(bench: FleetBench): Promise<void> {
  await addHost(bench);
  await bench.edge.until('http:b.test', ONLY_M1);
}

/** m1 has another host in the place of the one that m2 has as well, and that again. */
async function otherHost({ m1, edge, place }: FleetBench): Promise<void> {
  const site = machineSite('a', place);
  const listen = (machineSite('b', place).listen ?? []) as object[];
  m1.configure([{ ...site, listen }], machineConf(place));
  await succeeds(m1, 'reload', 'a');
  await edge.until('http:a.test', ONLY_M2);
  m1.configure([site], machineConf(place));
  await succeeds(m1, 'reload');
  await edge.until('http:a.test', BOTH);
}

async function addHost({ m1, place }: FleetBench): Promise<void> {
  m1.configure([machineSite('a', place), machineSite('b', place)], machineConf(place));
  await succeeds(m1, 'reload');
}

async function stopMachine({ m1, edge }: FleetBench): Promise<void> {
  await m1.stop();
  await edge.until('http:a.test', ONLY_M2);
}

async function killStore({ store, ...bench }: FleetBench): Promise<void> {
  await store.kill();
  await delay(8000);
  store.start();
  await store.answers();
  await stopAndStart(bench);
}

async function emptyStore(bench: FleetBench): Promise<void> {
  const { store, edge } = bench;
  await bench.republished(async () => {
    await store.kill();
    store.empty();
    store.start();
    await store.answers();
  });
  assert.deepEqual(await edge.servers('http:a.test'), BOTH);
  await stopAndStart(bench);
}

async function pauseStore(bench: FleetBench): Promise<void> {
  const { store, edge } = bench;
  await bench.republished(async () => {
    store.signal('SIGSTOP');
    await delay(LEASE_MS + 1000);
    store.signal('SIGCONT');
  });
  assert.deepEqual(await edge.servers('http:a.test'), BOTH);
  await stopAndStart(bench);
}

async function killPublishers(bench: FleetBench): Promise<void> {
  await bench.republished(async () => {
    for (const machine of [bench.m1, bench.m2]) {
      const pid = publisherOf(machine);
      assert.ok(pid);
      process.kill(pid, 'SIGKILL');
    }
  });
  await stopAndStart(bench);
}

/** While it is away another host comes. */
async function killEdge(bench: FleetBench): Promise<void> {
  const { edge } = bench;
  await edge.killEdge();
  await addHost(bench);
  edge.startEdge();
  await edge.until('http:b.test', ONLY_M1);
  await stopAndStart(bench);
}

/** More is written than etcd keeps for an edge that stands still, and then forgotten. */
async function compactStore({ edge, store, ...bench }: FleetBench): Promise<void> {
  edge.signalEdge('SIGSTOP');
  // More than all buffers on the way have room for, then more changes than are kept for one who does not read.
  for (let count = 0; count < 40; count += 1) await store.put(`${PREFIX}/noise`, 'x'.repeat(1_000_000));
  await until('etcd has an edge that is behind', async () => {
    for (let count = 0; count < 200; count += 1) await store.put(`${PREFIX}/noise`, '');
    const value = await store.metric('etcd_debugging_mvcc_slow_watcher_total');
    return { done: value > 0, value };
  });
  await store.compact();
  const connected = /"edge.connected"/g;
  const before = edge.output.match(connected)?.length ?? 0;
  edge.signalEdge('SIGCONT');
  await until('the edge reads all anew', () => {
    const value = edge.output.match(connected)?.length ?? 0;
    return { done: value > before, value };
  });
  await stopAndStart({ edge, ...bench });
}

async function connectionCount(vhostd: FullVhostd): Promise<number> {
  return (await vhostd.workers('a')).reduce((sum, { connections }) => sum + connections, 0);
}

/** Of a lease, and how late etcd may be to end it. */
const LEASE_MS = 13_000;
