import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import type { TestContext } from 'node:test';
import { Deferred } from '@vhostd/transport';
import type { MasterConf } from './conf/site-conf.js';
import { Shutdown } from './shutdown.js';
import type { ShutdownParts } from './shutdown.js';
import { connection, SiteBench } from './sites/site-bench.test.kit.js';

const nothing = (): Promise<void> => Promise.resolve();

/** The end of a master of which only the sites are real; `exited` resolves when the process would end. */
function shutdownOf(
  t: TestContext,
  bench: SiteBench,
  heard: () => Promise<void> = nothing,
): { shutdown: Shutdown; exited: Promise<void> } {
  const exited = new Deferred<void>();
  const exit = mock.method(process, 'exit', () => exited.resolve());
  t.after(() => exit.mock.restore());
  const { listeners, manager, sites } = bench;
  const parts = {
    listeners,
    manager,
    sites,
    awaitedHosts: { count: 0 },
    daemon: undefined,
    acceptor: { peekingCount: 0, heard, settled: nothing, health: {} },
    certificates: { stop: nothing },
    watch: { stop: nothing },
    fleet: { leave: nothing, stop: nothing, drain: nothing },
    metrics: { close: nothing },
  };
  const shutdown = new Shutdown(parts as unknown as ShutdownParts, { stopDelayMs: 0 } as MasterConf);
  return { shutdown, exited: exited.promise };
}

test('behind an upgrade a site takes back what a worker has not confirmed, until it has', async (t) => {
  const bench = new SiteBench(t);
  const site = await bench.run('a', { cpuLen: 2 });
  const [first, second] = bench.spawner.living;
  assert.ok(first !== undefined && second !== undefined);
  first.awaitedCount = 1;
  const { shutdown, exited } = shutdownOf(t, bench);
  const yielded = shutdown.yield();
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(site.status().state, 'running');
  // It dies, and what it had not begun with comes back.
  first.awaitedCount = 0;
  first.exit(null, 'SIGKILL');
  second.awaitedCount = 1;
  site.ingress.serve(connection('lost', 'unconfirmed'));
  assert.deepEqual([second.given.map(({ host }) => host), bench.rejected], [['lost'], []]);
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(second.asked.includes('drain'), false);
  second.awaitedCount = 0;
  await Promise.all([yielded, exited]);
  assert.equal(site.status().state, 'stopped');
});

test('a stop serves who has connected before it, and has not said yet what he wants', async (t) => {
  const bench = new SiteBench(t);
  const site = await bench.run('a');
  const heard = new Deferred<void>();
  const asked = new Deferred<void>();
  const { shutdown, exited } = shutdownOf(t, bench, () => {
    asked.resolve();
    return heard.promise;
  });
  const stopped = shutdown.stop(false);
  await asked.promise;
  site.ingress.serve(connection('late'));
  assert.deepEqual([bench.spawner.living[0]?.given.map(({ host }) => host), bench.rejected], [['late'], []]);
  heard.resolve();
  await Promise.all([stopped, exited]);
  assert.equal(site.status().state, 'stopped');
});

test('a stop at once, be it the second one, hears nobody out', async (t) => {
  const bench = new SiteBench(t);
  const site = await bench.run('a');
  const asked = new Deferred<void>();
  const { shutdown, exited } = shutdownOf(t, bench, () => {
    asked.resolve();
    return new Promise(() => undefined);
  });
  void shutdown.stop(false);
  await asked.promise;
  void shutdown.stop(true);
  await exited;
  assert.equal(site.status().state, 'stopped');
});
