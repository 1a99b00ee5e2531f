import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import { EtcdClient } from '../etcd/etcd-client.js';
import { FakeEtcd } from '../etcd/fake-etcd.test.kit.js';
import { EdgeRegistration } from './edge-registration.js';

const KEY = '/f/edges/lb1';
const RECORD = { version: '1', revision: '7', haproxy: 'answers', kept: {} } as const;

function start(t: TestContext, fake: FakeEtcd): { edge: EdgeRegistration; end: () => Promise<void> } {
  const store = new EtcdClient({ endpoints: [fake.url], timeoutMs: 30_000 });
  const edge = new EdgeRegistration({ store, key: KEY, keepAliveMs: 20 });
  const running = edge.run();
  const end = async (): Promise<void> => {
    edge.end();
    await running;
    store.close();
  };
  t.after(end);
  return { edge, end };
}

async function until(fake: FakeEtcd, revision: string | undefined): Promise<void> {
  const current = (): unknown => (fake.records[KEY] as { revision?: string } | undefined)?.revision;
  while (current() !== revision) await new Promise((resolve) => setTimeout(resolve, 5));
}

void describe('the registration of an edge', () => {
  void it('has one key under a lease, which ends with the edge', async (t) => {
    const fake = await FakeEtcd.start(t);
    const { edge, end } = start(t, fake);
    edge.tell(RECORD);
    await until(fake, '7');
    edge.tell({ ...RECORD, revision: '8' });
    await until(fake, '8');
    assert.deepEqual([fake.keys.get(KEY)?.lease], [...fake.leases.keys()]);
    await end();
    assert.deepEqual([fake.keys.size, fake.leases.size], [0, 0]);
  });

  void it('is written again behind a lease that has ended, but not while it is not known', async (t) => {
    const fake = await FakeEtcd.start(t);
    const { edge } = start(t, fake);
    edge.tell(RECORD);
    await until(fake, '7');
    fake.expireAll();
    await until(fake, '7');
    edge.tell(undefined);
    fake.empty();
    const keptAlive = (): number => fake.asked.filter((path) => path.endsWith('/keepalive')).length;
    const before = keptAlive();
    while (keptAlive() === before) await new Promise((resolve) => setTimeout(resolve, 5));
    assert.deepEqual([fake.keys.size, fake.leases.size], [0, 0]);
    edge.tell({ ...RECORD, revision: '2' });
    await until(fake, '2');
  });
});
