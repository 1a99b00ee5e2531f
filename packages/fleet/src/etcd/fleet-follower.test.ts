import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import { EtcdClient } from './etcd-client.js';
import { FakeEtcd } from './fake-etcd.test.kit.js';
import { FleetFollower } from './fleet-follower.js';

class Bench {
  /** Keys of the last snapshot and of changes behind it. */
  readonly keys = new Map<string, string>();
  snapshots = 0;
  readonly lost: string[] = [];
  #heard: (() => void)[] = [];

  constructor(t: TestContext, fake: FakeEtcd) {
    const store = new EtcdClient({ endpoints: [fake.url], timeoutMs: 300 });
    const wake = (): void => this.#heard.splice(0).forEach((one) => one());
    const follower = new FleetFollower(
      store,
      '/f',
      {
        onSnapshot: (entries) => {
          this.keys.clear();
          for (const [key, value] of entries) this.keys.set(key, value);
          this.snapshots += 1;
          wake();
        },
        onChanges: (changes) => {
          for (const { key, value } of changes) {
            if (value === undefined) this.keys.delete(key);
            else this.keys.set(key, value);
          }
          wake();
        },
        onLost: (message) => {
          this.lost.push(message);
          wake();
        },
      },
      50,
    );
    const running = follower.run();
    t.after(async () => {
      follower.end();
      await running;
      store.close();
    });
  }

  async until(wanted: () => boolean): Promise<void> {
    while (!wanted()) await new Promise<void>((resolve) => this.#heard.push(resolve));
  }
}

void describe('who follows a fleet', () => {
  void it('has all keys, then what happens to them', async (t) => {
    const fake = await FakeEtcd.start(t);
    fake.write([
      { key: '/f/a', value: '1' },
      { key: '/g', value: '1' },
    ]);
    const bench = new Bench(t, fake);
    await bench.until(() => bench.snapshots === 1);
    assert.deepEqual([...bench.keys], [['/f/a', '1']]);
    fake.write([{ key: '/f/b', value: '2' }]);
    await bench.until(() => bench.keys.has('/f/b'));
    fake.write([{ key: '/f/a' }]);
    await bench.until(() => !bench.keys.has('/f/a'));
    assert.equal(bench.snapshots, 1);
  });

  void it('asks for all keys again where a part was forgotten', async (t) => {
    const fake = await FakeEtcd.start(t);
    const bench = new Bench(t, fake);
    await bench.until(() => bench.snapshots === 1);
    fake.cutWatches();
    fake.write([{ key: '/f/a', value: '1' }]);
    fake.compact();
    await bench.until(() => bench.keys.has('/f/a'));
    assert.ok(bench.snapshots >= 2);
  });

  void it('asks for all keys again where a stream goes on without what was forgotten', async (t) => {
    const fake = await FakeEtcd.start(t);
    const bench = new Bench(t, fake);
    await bench.until(() => bench.snapshots === 1);
    fake.isMute = true;
    fake.write([{ key: '/f/lost', value: '1' }]);
    fake.isMute = false;
    fake.write([{ key: '/f/a', value: '1' }]);
    fake.compact();
    await bench.until(() => bench.keys.has('/f/lost'));
    assert.deepEqual([bench.snapshots, bench.lost], [2, []]);
  });

  void it('leaves a stream that says nothing of what is written', async (t) => {
    const fake = await FakeEtcd.start(t);
    const bench = new Bench(t, fake);
    await bench.until(() => bench.snapshots === 1);
    fake.write([{ key: '/f/told', value: '1' }]);
    await bench.until(() => bench.keys.has('/f/told'));
    fake.isMute = true;
    fake.write([{ key: '/f/a', value: '1' }]);
    await bench.until(() => bench.keys.has('/f/a'));
    assert.match(bench.lost.join(), /hangs/);
  });

  void it('says that the store does not answer, and goes on when it does', async (t) => {
    const fake = await FakeEtcd.start(t);
    const bench = new Bench(t, fake);
    await bench.until(() => bench.snapshots === 1);
    fake.hangs = true;
    await bench.until(() => bench.lost.length > 0);
    fake.hangs = false;
    fake.write([{ key: '/f/a', value: '1' }]);
    await bench.until(() => bench.keys.has('/f/a'));
  });
});
