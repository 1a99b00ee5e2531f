import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Lifecycle } from './lifecycle.js';
import type { LifecycleHooks } from './lifecycle.js';

test('created runs before started, stopped after both, each once', async () => {
  const order: string[] = [];
  const lifecycle = new Lifecycle();
  lifecycle.add({
    created: () => void order.push('created'),
    started: async () => {
      await Promise.resolve();
      order.push('started');
    },
    stopped: () => void order.push('stopped'),
  });
  await lifecycle.start();
  await lifecycle.stop();
  await lifecycle.stop();
  assert.deepEqual(order, ['created', 'started', 'stopped']);
});

test('merged may change the conf in place', () => {
  const lifecycle = new Lifecycle();
  lifecycle.add({
    merged: (conf) => {
      conf.cpuLen = 7;
    },
  });
  const conf = { cpuLen: 1 };
  lifecycle.merge(conf);
  assert.equal(conf.cpuLen, 7);
});

test('a conf that the code leaves alone is merged once, and only what that changes is told', () => {
  const lifecycle = new Lifecycle();
  let count = 0;
  lifecycle.add({
    merged: (conf) => {
      count += 1;
      conf.listen?.push({ host: 'b.test', port: 1 });
    },
  });
  const given = { listen: [{ host: 'a.test', port: 1 }], defaultListen: false };
  assert.deepEqual(lifecycle.mergeGiven(structuredClone(given)), {
    listen: [
      { host: 'a.test', port: 1 },
      { host: 'b.test', port: 1 },
    ],
  });
  assert.deepEqual([lifecycle.mergeGiven(given), count], [{}, 1]);
  const other = new Lifecycle();
  other.add({ merged: () => (count += 1) });
  assert.deepEqual([other.mergeGiven(given), count], [{}, 2]);
});

test('a merged that fails while the site loads fails the start, whoever caught it', async () => {
  const lifecycle = new Lifecycle();
  lifecycle.add({
    merged: () => {
      throw new Error('no such conf');
    },
  });
  assert.throws(() => lifecycle.merge({}), /no such conf/);
  await assert.rejects(lifecycle.start(), /no such conf/);
});

test('stopped does not run for a site that was never started', async () => {
  let stopped = 0;
  const lifecycle = new Lifecycle();
  lifecycle.add({
    started: () => Promise.reject(new Error('no database')),
    stopped: () => void (stopped += 1),
  });
  await assert.rejects(lifecycle.start(), /no database/);
  await lifecycle.stop();
  assert.equal(stopped, 0);
});

test('a synchronous hook that returns a promise is refused by name', async () => {
  const asynchronous = (() => Promise.resolve()) as () => void;
  const merging = new Lifecycle();
  merging.add({ merged: asynchronous });
  assert.throws(() => merging.merge({}), { code: 'ERR_LIFECYCLE_ASYNC', message: /merged/ });
  const creating = new Lifecycle();
  creating.add({ created: asynchronous });
  await assert.rejects(creating.start(), { code: 'ERR_LIFECYCLE_ASYNC', message: /created/ });
});

test('unknown hooks, hooks that are no functions, and hooks that come too late are refused', async () => {
  const lifecycle = new Lifecycle();
  const wrong = { start: () => undefined } as unknown as LifecycleHooks;
  assert.throws(() => lifecycle.add(wrong), { code: 'ERR_LIFECYCLE_HOOK', message: /'start'.*started/ });
  const text = { started: 'yes' } as unknown as LifecycleHooks;
  assert.throws(() => lifecycle.add(text), { code: 'ERR_LIFECYCLE_HOOK' });
  await lifecycle.start();
  assert.throws(() => lifecycle.add({ started: () => undefined }), { code: 'ERR_LIFECYCLE_LATE' });
});
