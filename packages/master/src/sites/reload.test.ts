import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Generation } from './generation.js';
import { Reload } from './reload.js';
import type { ReloadHost } from './reload.js';
import type { Slot } from '../workers/slot.js';

/** Generations and a site made of notes. */
class Bench {
  readonly log: string[] = [];
  readonly previous: Generation;
  readonly next: Generation;
  readonly reload: Reload;
  commit: () => Promise<void> = () => Promise.resolve();

  constructor(count: number, oldCount = count) {
    const old = Array.from({ length: oldCount }, (_, index) => ({ slot: index, name: `old${index}` }));
    this.previous = { slots: old } as unknown as Generation;
    const started: Slot[] = [];
    this.next = {
      slots: started,
      startSlot: (index: number) => {
        const slot = { index, name: `new${index}` } as unknown as Slot;
        started.push(slot);
        this.log.push(`boot ${index}`);
        return slot;
      },
    } as unknown as Generation;
    const host: ReloadHost = {
      count: () => count,
      commit: async () => {
        await this.commit();
        this.log.push('commit');
      },
      rollBack: () => {
        this.log.push('roll back');
        return Promise.resolve();
      },
      retire: (slot) => void this.log.push(`retire ${nameOf(slot)}`),
      onSlotPublished: () => void this.log.push(`serving ${this.serving()}`),
      onEnd: (error) => void this.log.push(error === undefined ? 'done' : `failed: ${error.message}`),
    };
    this.reload = new Reload(this.previous, this.next, host, { settleMs: 1 });
  }

  serving(): string {
    return this.reload.serving().map(nameOf).join(' ');
  }

  /** Waits until the slot of this index boots. */
  async booting(index: number): Promise<Slot> {
    for (;;) {
      const slot = this.next.slots[index];
      if (slot !== undefined) return slot;
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
    }
  }
}

test('slot by slot, the new worker serves before the old one leaves', async () => {
  const bench = new Bench(2);
  const outcome = bench.reload.run();
  bench.reload.onReady(await bench.booting(0));
  bench.reload.onReady(await bench.booting(1));
  assert.equal(await outcome, undefined);
  assert.deepEqual(bench.log, [
    'boot 0',
    'commit',
    'serving old0 old1 new0',
    'retire old0',
    'boot 1',
    'serving old1 new0 new1',
    'retire old1',
    'done',
  ]);
});

test('a first worker that ends before it is ready changes nothing', async () => {
  const bench = new Bench(2);
  const outcome = bench.reload.run();
  await bench.booting(0);
  bench.reload.onExit({ code: 'ERR_WORKER_EXITED', message: 'exited with code 1' });
  assert.equal((await outcome)?.message, 'exited with code 1');
  assert.equal(bench.serving(), 'old0 old1');
  assert.deepEqual(bench.log, ['boot 0', 'retire new0', 'failed: exited with code 1']);
});

test('a first worker that ends right after it was ready is not published', async () => {
  const bench = new Bench(1);
  const outcome = bench.reload.run();
  const slot = await bench.booting(0);
  bench.reload.onReady(slot);
  await Promise.resolve();
  bench.reload.onExit({ code: 'ERR_WORKER_EXITED', message: 'died young' });
  assert.equal((await outcome)?.message, 'died young');
  assert.equal(bench.serving(), 'old0');
  assert.equal(bench.log.includes('commit'), false);
});

test('a conf that cannot be had discards the generation', async () => {
  const bench = new Bench(1);
  bench.commit = () => Promise.reject(new Error('port taken'));
  const outcome = bench.reload.run();
  bench.reload.onReady(await bench.booting(0));
  assert.equal((await outcome)?.message, 'port taken');
  assert.deepEqual(bench.log, ['boot 0', 'retire new0', 'failed: port taken']);
});

test('a later worker that fails takes the new ones back, and the conf with them', async () => {
  const bench = new Bench(3);
  const outcome = bench.reload.run();
  bench.reload.onReady(await bench.booting(0));
  await bench.booting(1);
  bench.reload.onExit({ code: 'ERR_WORKER_EXITED', message: 'out of memory' });
  assert.equal((await outcome)?.message, 'out of memory');
  assert.deepEqual(bench.log.slice(-4), ['roll back', 'retire new0', 'retire new1', 'failed: out of memory']);
  assert.deepEqual(bench.previous.slots.map(nameOf), ['old1', 'old2']);
});

test('a worker that ends while its conf is put into force is not published', async () => {
  const bench = new Bench(1);
  bench.commit = () => {
    bench.reload.onExit({ code: 'ERR_WORKER_EXITED', message: 'died meanwhile' });
    return Promise.resolve();
  };
  const outcome = bench.reload.run();
  bench.reload.onReady(await bench.booting(0));
  assert.equal((await outcome)?.message, 'died meanwhile');
  assert.deepEqual(bench.log, ['boot 0', 'commit', 'roll back', 'retire new0', 'failed: died meanwhile']);
});

test('the last old worker stays until every new one is there', async () => {
  const bench = new Bench(2, 1);
  const outcome = bench.reload.run();
  bench.reload.onReady(await bench.booting(0));
  await bench.booting(1);
  assert.equal(bench.serving(), 'old0 new0');
  bench.reload.onExit({ code: 'ERR_WORKER_EXITED', message: 'out of memory' });
  assert.equal((await outcome)?.message, 'out of memory');
  assert.deepEqual(bench.previous.slots.map(nameOf), ['old0']);
});

test('a cancelled reload ends as a failed one', async () => {
  const bench = new Bench(1);
  const outcome = bench.reload.run();
  await bench.booting(0);
  bench.reload.cancel();
  assert.equal((await outcome)?.code, 'ERR_RELOAD_CANCELLED');
});

function nameOf(slot: Slot): string {
  return (slot as unknown as { name: string }).name;
}
