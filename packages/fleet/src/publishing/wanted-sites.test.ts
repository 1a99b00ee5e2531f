import assert from 'node:assert/strict';
import { it } from 'node:test';
import { EtcdClient } from '../etcd/etcd-client.js';
import { FakeEtcd } from '../etcd/fake-etcd.test.kit.js';
import { WantedSites } from './wanted-sites.js';
import type { SitesUp } from './wanted-sites.js';

void it('tells which of the wanted sites are up on any machine, and that the store is lost', async (t) => {
  const fake = await FakeEtcd.start(t);
  const store = new EtcdClient({ endpoints: [fake.url], timeoutMs: 300 });
  const told: SitesUp[] = [];
  let heard: () => void = () => undefined;
  const sites = new WantedSites(store, '/f', (up) => {
    told.push(up);
    heard();
  });
  t.after(() => {
    sites.end();
    store.close();
  });
  const until = async (wanted: (up: SitesUp) => boolean): Promise<void> => {
    while (!told.slice(-1).some(wanted)) await new Promise<void>((resolve) => (heard = resolve));
  };
  const write = (machine: string, state?: string): void =>
    fake.write([
      {
        key: `/f/sites/db/${machine}`,
        ...(state === undefined ? {} : { value: JSON.stringify({ state, generation: 1 }) }),
      },
    ]);
  write('m2', 'drain');
  sites.want(['db', 'mail']);
  await until(({ error, siteIds }) => error === undefined && siteIds.length === 0);
  write('m1', 'up');
  await until(({ siteIds }) => siteIds.join() === 'db');
  write('m2', 'up');
  write('m1');
  write('m2', 'drain');
  await until(({ siteIds }) => siteIds.length === 0);
  write('m2', 'up');
  await until(({ siteIds }) => siteIds.join() === 'db');
  fake.hangs = true;
  fake.cutWatches();
  await until(({ error }) => error !== undefined);
  assert.deepEqual(told.at(-1)?.siteIds, ['db']);
});
