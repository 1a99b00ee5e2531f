import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { FleetEdgeProgress } from '@vhostd/protocol';
import { EtcdClient } from '../etcd/etcd-client.js';
import { FakeEtcd } from '../etcd/fake-etcd.test.kit.js';
import { untilEdgesFollow } from './edges.js';
import type { EdgeWait } from './edges.js';

class Bench {
  readonly #fake: FakeEtcd;
  readonly #store: EtcdClient;

  private constructor(t: TestContext, fake: FakeEtcd) {
    this.#fake = fake;
    this.#store = new EtcdClient({ endpoints: [fake.url] });
    t.after(() => this.#store.close());
  }

  static async start(t: TestContext): Promise<Bench> {
    return new Bench(t, await FakeEtcd.start(t));
  }

  /** An edge tells this; undefined: it has gone. */
  tell(edge: string, record?: object): void {
    const value = JSON.stringify({ version: '1', haproxy: 'answers', kept: {}, ...record });
    this.#fake.write([{ key: `/f/edges/${edge}`, ...(record === undefined ? {} : { value }) }]);
  }

  /** Waits for revision 9. */
  wait(options: Partial<EdgeWait> = {}): Promise<FleetEdgeProgress[]> {
    return untilEdgesFollow(this.#store, {
      prefix: '/f',
      machine: 'm1',
      revision: () => '9',
      timeoutMs: 60_000,
      followMs: 10,
      answering: false,
      ...options,
    });
  }

  /** Resolves once it is watched what edges tell. */
  async watched(): Promise<void> {
    while (!this.#fake.asked.includes('/v3/watch')) await delay(5);
  }

  hang(): void {
    this.#fake.hangs = true;
  }
}

void describe('waiting for edges', () => {
  void it('ends when each has applied the revision, and has what each keeps of this machine', async (t) => {
    const bench = await Bench.start(t);
    bench.tell('a', { revision: '9' });
    bench.tell('b', { revision: '8' });
    const waited = bench.wait();
    await bench.watched();
    bench.tell('a', { revision: '9', kept: { m1: 2, m2: 1 } });
    bench.tell('b', { revision: '10' });
    assert.deepEqual(await waited, [
      { edge: 'a', haproxy: 'answers', applied: true, kept: 2 },
      { edge: 'b', haproxy: 'answers', applied: true, kept: 0 },
    ]);
  });

  void it('ends at the limit with those that have not', async (t) => {
    const bench = await Bench.start(t);
    bench.tell('a', { revision: '8', haproxy: 'fails' });
    const late = [{ edge: 'a', haproxy: 'fails', applied: false, kept: 0 }];
    assert.deepEqual(await bench.wait({ timeoutMs: 300 }), late);
    assert.deepEqual(await bench.wait({ answering: true }), late, 'it was waited for');
  });

  void it('does not wait for one that has gone', async (t) => {
    const bench = await Bench.start(t);
    bench.tell('a', { revision: '9' });
    bench.tell('b', { revision: '8' });
    const waited = bench.wait();
    await bench.watched();
    bench.tell('b');
    const names = (await waited).map(({ edge }) => edge);
    assert.deepEqual(names, ['a']);
  });

  void it('leaves who tells nothing time to know', async (t) => {
    const bench = await Bench.start(t);
    bench.tell('a', { revision: '9' });
    const fromMs = performance.now();
    await bench.wait({ followMs: 1000 });
    assert.ok(performance.now() - fromMs >= 999);
  });

  void it('ends where the store does not answer', async (t) => {
    const bench = await Bench.start(t);
    bench.hang();
    await assert.rejects(bench.wait());
  });
});
