// What a machine publishes of its sites in a real etcd: while they serve, before they stop, whoever dies.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { atEnd } from '../../kit/at-end.js';
import { Etcd, etcdSkip } from '../../kit/etcd.js';
import { publisherOf } from '../../kit/fleet-machine.js';
import { freePort } from '../../kit/free-port.js';
import { startVhostd } from '../../kit/start-vhostd.js';
import type { FullVhostd } from '../../kit/start-vhostd.js';
import { until } from '../../kit/until.js';

const HOST_A = '/vhostd/v1/hosts/a.test/m1';
const HOST_B = '/vhostd/v1/hosts/b.test/m1';
const MACHINE = '/vhostd/v1/machines/m1';

interface Bench {
  vhostd: FullVhostd;
  etcd: Etcd;
  port: number;
}

async function start(t: TestContext): Promise<Bench> {
  const [etcd] = await Etcd.start(t);
  assert.ok(etcd);
  const port = await freePort();
  const listen = (host: string): object[] => [{ host, port, ipaddress: '127.0.0.1' }];
  const vhostd = await startVhostd(t, {
    daemon: true,
    conf: { healthPath: '/up', fleet: { endpoints: [etcd.url], machine: 'm1', address: '127.0.0.1' } },
    sites: [
      { siteId: 'a', listen: listen('a.test') },
      { siteId: 'b', listen: listen('b.test'), drainTimeout: '100ms' },
    ],
  });
  return { vhostd, etcd, port };
}

/** What etcd has, once it is so. */
async function records(
  { etcd }: Bench,
  what: string,
  wanted: (found: Record<string, Record<string, unknown>>) => boolean,
): Promise<Record<string, Record<string, unknown>>> {
  return await until(what, async () => {
    const value = await etcd.records('/vhostd/v1/').catch(() => ({}));
    return { done: wanted(value), value };
  });
}

function isUp(found: Record<string, Record<string, unknown>>): boolean {
  return found[HOST_A]?.['state'] === 'up' && found[HOST_B]?.['state'] === 'up' && MACHINE in found;
}

void test(
  'sites are published while they serve, and in drain before they stop',
  { skip: etcdSkip },
  async (t) => {
    const bench = await start(t);
    const { vhostd, port } = bench;
    const found = await records(bench, 'both are up', isUp);
    assert.deepEqual(found[HOST_A]?.['listen'], [{ port, tls: 'none', proxy: 'none' }]);
    assert.deepEqual(found[MACHINE]?.['health'], { port, path: '/up', proxy: 'none' });

    const stopped = vhostd.run('stop', 'b');
    await records(bench, 'b is in drain', (all) => all[HOST_B]?.['state'] === 'drain');
    assert.equal((await vhostd.site('b')).state, 'running', 'it serves while that is made known');
    assert.equal((await stopped).code, 0);
    await records(bench, 'b is gone', (all) => all[HOST_B] === undefined && all[HOST_A]?.['state'] === 'up');
    assert.equal((await vhostd.run('start', 'b')).code, 0);
    await records(bench, 'b is up again', isUp);

    vhostd.signal('SIGTERM');
    await records(bench, 'both are in drain', (all) =>
      [HOST_A, HOST_B].every((key) => all[key]?.['state'] === 'drain'),
    );
    await vhostd.ended;
    assert.deepEqual(await bench.etcd.records('/vhostd/v1/'), {});
  },
);

void test('what is published stays as it is, whoever is killed', { skip: etcdSkip }, async (t) => {
  const bench = await start(t);
  const { vhostd, etcd } = bench;
  const before = await records(bench, 'both are up', isUp);
  const leaseOf = (all: Record<string, Record<string, unknown>>): unknown => all[MACHINE]?.['lease'];
  const isAnew = (all: Record<string, Record<string, unknown>>): boolean => {
    assert.ok(HOST_A in all && HOST_B in all, 'a host is missing');
    return isUp(all) && leaseOf(all) !== leaseOf(before);
  };
  const publisher = publisherOf(vhostd);
  assert.ok(publisher);
  process.kill(publisher, 'SIGKILL');
  const second = await records(bench, 'another process publishes', isAnew);
  const { master } = await vhostd.status();
  process.kill(master?.pid ?? 0, 'SIGKILL');
  await records(
    bench,
    'that of the next master does',
    (all) => isAnew(all) && leaseOf(all) !== leaseOf(second),
  );
  await etcd.kill();
  etcd.empty();
  etcd.start();
  await etcd.answers();
  await records(bench, 'all is published in an empty store', isUp);
});

void test('an upgrade leaves all that is published there', { skip: etcdSkip }, async (t) => {
  const bench = await start(t);
  const { vhostd } = bench;
  const before = await records(bench, 'both are up', isUp);
  assert.equal((await vhostd.run('upgrade')).code, 0);
  const after = await records(bench, 'the next master publishes', (all) => {
    assert.ok(HOST_A in all && HOST_B in all, 'a host is missing');
    return isUp(all) && all[MACHINE]?.['lease'] !== before[MACHINE]?.['lease'];
  });
  assert.equal(after[HOST_A]?.['state'], 'up');
});

void test(
  'a store that does not answer keeps no site from serving, nor from stopping',
  { skip: etcdSkip },
  async (t) => {
    const bench = await start(t);
    const { vhostd, etcd } = bench;
    await records(bench, 'both are up', isUp);
    etcd.signal('SIGSTOP');
    atEnd(t, () => etcd.signal('SIGCONT'));
    assert.equal((await vhostd.run('restart', 'a')).code, 0);
    assert.equal((await vhostd.run('stop', 'b')).code, 0);
    assert.equal(vhostd.logged('fleet.drain-failed').length, 2);
  },
);
