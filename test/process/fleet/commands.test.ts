// `vhostd fleet` on machines with a real etcd: what is seen from one of them.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import type { FleetStatus } from '@vhostd/protocol';
import { Etcd, etcdSkip } from '../../kit/etcd.js';
import { freePort } from '../../kit/free-port.js';
import { startVhostd } from '../../kit/start-vhostd.js';
import type { FullVhostd } from '../../kit/start-vhostd.js';
import { until } from '../../kit/until.js';

async function machineOf(
  t: TestContext,
  etcd: Etcd,
  machine: string,
  site: object = {},
): Promise<FullVhostd> {
  return await startVhostd(t, {
    daemon: true,
    conf: { healthPath: '/up', fleet: { endpoints: [etcd.url], machine, address: '127.0.0.1' } },
    sites: [
      {
        siteId: 'a',
        listen: [{ host: 'a.test', port: await freePort(), ipaddress: '127.0.0.1' }],
        drainTimeout: '100ms',
        ...site,
      },
    ],
  });
}

/** What `fleet status --json` prints, once it is so. */
async function seen(
  vhostd: FullVhostd,
  what: string,
  wanted: (status: FleetStatus) => boolean,
): Promise<FleetStatus> {
  return await until(what, async () => {
    const { stdout } = await vhostd.run('fleet', 'status', '--json');
    const value = JSON.parse(stdout) as FleetStatus;
    return { done: wanted(value), value };
  });
}

function isUp({ state, store }: FleetStatus, count: number): boolean {
  return state === 'connected' && store?.hosts[0]?.machines.length === count;
}

void test(
  'fleet status shows all machines, where they do not agree, and a store that does not answer',
  { skip: etcdSkip },
  async (t) => {
    const [etcd] = await Etcd.start(t);
    assert.ok(etcd);
    const m1 = await machineOf(t, etcd, 'm1');
    const alone = await seen(m1, 'm1 is up', (status) => isUp(status, 1));
    assert.deepEqual(
      [alone.machine, alone.endpoint, alone.store?.conflictCount, alone.store?.machines[0]?.lease],
      ['m1', etcd.url, 0, alone.lease],
    );
    await machineOf(t, etcd, 'm2', { siteId: 'other' });
    const both = await seen(m1, 'both are up', (status) => isUp(status, 2));
    assert.deepEqual(both.store?.hosts[0]?.conflicts, [
      {
        field: 'site',
        claims: [
          { value: 'a', machines: ['m1'] },
          { value: 'other', machines: ['m2'] },
        ],
      },
    ]);
    const text = await m1.run('fleet', 'status');
    assert.match(text.stdout, /a\.test: machines do not agree: site is a on m1 and other on m2/);
    assert.match((await m1.run('status')).stdout, /^fleet +m1, connected$/m);

    await etcd.kill();
    const lost = await seen(m1, 'the store is lost', ({ state }) => state === 'lost');
    assert.equal(lost.store, undefined);
    assert.ok(lost.storeError !== undefined && lost.lastError !== undefined);
    const failed = await m1.run('fleet', 'status');
    assert.deepEqual([failed.code, /the store can't be read/.test(failed.stdout)], [1, true]);
  },
);

void test('a machine without a fleet says so', async (t) => {
  const vhostd = await startVhostd(t, { daemon: true, sites: [{ siteId: 'a' }] });
  const { code, stderr } = await vhostd.run('fleet', 'status');
  assert.equal(code, 1);
  assert.match(stderr, /this machine is in no fleet/);
});
