// What two machines write for Traefik into a real etcd, and what is left when they go.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { Etcd, etcdSkip } from '../../kit/etcd.js';
import { freePort } from '../../kit/free-port.js';
import { startVhostd } from '../../kit/start-vhostd.js';
import type { FullVhostd } from '../../kit/start-vhostd.js';
import { until } from '../../kit/until.js';

const HTTP = 'traefik/http/services/vhostd-a.test/loadBalancer/servers/';
const ROUTER = 'traefik/http/routers/vhostd-a.test/rule';

async function startMachine(t: TestContext, etcd: Etcd, machine: string): Promise<FullVhostd> {
  const port = await freePort();
  return await startVhostd(t, {
    daemon: true,
    conf: {
      healthPath: '/up',
      fleet: { driver: 'traefik', endpoints: [etcd.url], machine, address: '127.0.0.1' },
    },
    sites: [{ siteId: 'a', listen: [{ host: 'a.test', port, ipaddress: '127.0.0.1' }] }],
  });
}

test('machines share a router of Traefik, and the last one takes it away', { skip: etcdSkip }, async (t) => {
  const [etcd] = await Etcd.start(t);
  assert.ok(etcd);
  const found = async (what: string, wanted: (keys: readonly string[]) => boolean): Promise<string[]> =>
    await until(what, async () => {
      const value = Object.keys(await etcd.values('traefik/'));
      return { done: wanted(value), value };
    });
  const serversOf = (keys: readonly string[]): number => keys.filter((key) => key.startsWith(HTTP)).length;
  const one = await startMachine(t, etcd, 'm1');
  const other = await startMachine(t, etcd, 'm2');
  const keys = await found('both are servers', (all) => serversOf(all) === 2);
  assert.ok(keys.includes(ROUTER));
  const { stdout } = await one.run('fleet', 'status');
  assert.match(stdout, /^a\.test +m1 +up[^]*^ +m2 +up/m);

  assert.equal((await one.run('fleet', 'drain')).code, 0);
  assert.equal(serversOf(await found('one is a server', (all) => serversOf(all) === 1)), 1);
  one.signal('SIGTERM');
  await one.ended;
  assert.ok((await found('one is left', (all) => serversOf(all) === 1)).includes(ROUTER));
  other.signal('SIGTERM');
  await other.ended;
  assert.deepEqual(await etcd.values('traefik'), {});
});
