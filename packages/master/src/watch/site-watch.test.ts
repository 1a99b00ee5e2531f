import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import type { ReloadResult, WatchedSite, WireError } from '@vhostd/protocol';
import { parseSite } from '../conf/parse-conf.js';
import { MasterEvents } from '../events.js';
import type { WatchableSite } from './site-watch.js';
import { SiteWatch } from './site-watch.js';

/** A master's sites without a process. */
class Bench {
  readonly events = new MasterEvents();
  readonly orders: (readonly WatchedSite[])[] = [];
  /** Titles of the pages that were shown; null: taken away. */
  readonly pages: (string | null)[] = [];
  readonly told: string[] = [];
  readonly state: {
    stopping: boolean;
    maintenance?: { message?: string };
    published: boolean;
    watch: boolean;
  } = { stopping: false, published: true, watch: true };
  reloads: ((error?: WireError) => void)[] = [];
  readonly watch: SiteWatch;

  constructor() {
    const { events, state } = this;
    this.watch = new SiteWatch(
      {
        sites: () => [this.site()],
        reload: () =>
          new Promise<ReloadResult>((resolve) => {
            this.reloads.push((error) => {
              const outcome = { siteId: 'shop', generation: 1, ok: error === undefined };
              resolve({ sites: [{ ...outcome, ...(error === undefined ? {} : { error }) }] });
            });
          }),
        maintain: async (_siteId, page) => {
          this.pages.push(page === null ? null : (page.message ?? ''));
          if (page === null) delete state.maintenance;
          else state.maintenance = {};
        },
        watcher: { watch: (sites) => void this.orders.push(sites), stop: async () => undefined },
      },
      events,
    );
    events.on('site.broken', ({ message }) => this.told.push(message));
    events.on('site.mended', () => this.told.push('mended'));
  }

  site(): WatchableSite {
    const { stopping, published, watch, maintenance } = this.state;
    const conf = parseSite(
      { siteId: 'shop', path: '/www/shop', workerFile: 'main.tpl', watch },
      { baseDir: '/' },
    );
    return {
      siteId: 'shop',
      conf,
      readiness: { published },
      stopping,
      status: () => (maintenance === undefined ? {} : { maintenance }),
    };
  }

  change(): void {
    this.events.emit('site.changed', { siteId: 'shop', files: ['a.js'], count: 1 });
  }

  async reloaded(error?: WireError): Promise<void> {
    const answer = this.reloads.shift() ?? assert.fail('no reload was asked for');
    answer(error);
    await turn();
  }
}

let bench: Bench;
beforeEach(() => {
  bench = new Bench();
});
const error = { code: 'ERR_WORKER_BOOT', message: 'no database' };

void describe('a watched site', () => {
  void it('is ordered once, with the extension of its own file, until it is stopped or watched no more', async () => {
    bench.events.emit('sites.loaded', { failures: [] });
    bench.events.emit('site.started', { siteId: 'shop' });
    await turn();
    assert.equal(bench.orders.length, 1);
    const [order] = bench.orders[0] ?? [];
    assert.equal(order?.path, '/www/shop');
    assert.ok(order.extensions.includes('js') && order.extensions.includes('tpl'));
    assert.deepEqual(bench.watch.status('shop'), { watch: {} });
    bench.events.emit('site.watched', { siteId: 'shop', count: 12 });
    assert.deepEqual(bench.watch.status('shop'), { watch: { files: 12 } });
    bench.state.stopping = true;
    bench.events.emit('site.stopped', { siteId: 'shop' });
    await turn();
    assert.deepEqual(bench.orders.at(-1), []);
    assert.deepEqual(bench.watch.status('shop'), {});
  });

  void it('is reloaded once for all that changes during a reload', async () => {
    bench.events.emit('sites.loaded', { failures: [] });
    await turn();
    for (let count = 0; count < 3; count += 1) bench.change();
    assert.equal(bench.reloads.length, 1);
    await bench.reloaded();
    assert.equal(bench.reloads.length, 1);
    await bench.reloaded();
    assert.equal(bench.reloads.length, 0);
  });

  void it('shows why a reload failed until one has worked', async () => {
    bench.events.emit('sites.loaded', { failures: [] });
    await turn();
    bench.change();
    await bench.reloaded(error);
    bench.events.emit('site.published', { siteId: 'shop', generation: 1, hosts: [], addresses: [] });
    assert.deepEqual(bench.pages, ['no database']);
    bench.events.emit('site.reloaded', { siteId: 'shop', generation: 2 });
    assert.deepEqual(bench.pages, ['no database', null]);
    assert.deepEqual(bench.told, ['no database', 'mended']);
  });

  void it('shows why it does not boot until it is published', () => {
    bench.state.published = false;
    bench.events.emit('site.failed', { siteId: 'shop', error });
    bench.events.emit('site.given-up', { siteId: 'shop', error });
    assert.deepEqual(bench.pages, ['no database']);
    bench.events.emit('site.published', { siteId: 'shop', generation: 1, hosts: [], addresses: [] });
    assert.deepEqual(bench.pages, ['no database', null]);
  });

  void it('tells one error once: what a worker ended of, and what its site says of that with the stack', () => {
    bench.state.published = false;
    const end = { siteId: 'shop', workerId: 'shop/1', workerPid: 7, generation: 1 } as const;
    const how = { what: 'exit', asked: false, expected: false, reason: 'exited with code 1' } as const;
    bench.events.emit('worker.exited', { ...end, ...how, message: 'no database' });
    const stack = 'Error: no database\n    at main.tpl:1';
    bench.events.emit('site.given-up', { siteId: 'shop', error: { ...error, stack } });
    assert.deepEqual(bench.told, ['no database']);
    assert.deepEqual(bench.pages, ['no database', stack]);
  });

  void it('tells an error again that the next change has not mended', async () => {
    bench.events.emit('sites.loaded', { failures: [] });
    await turn();
    for (let count = 0; count < 2; count += 1) {
      bench.change();
      bench.events.emit('site.reload.failed', { siteId: 'shop', generation: 1, error });
      await bench.reloaded(error);
    }
    assert.deepEqual(bench.told, ['no database', 'no database']);
    assert.deepEqual(bench.pages, ['no database']);
    bench.events.emit('site.reloaded', { siteId: 'shop', generation: 2 });
    assert.deepEqual(bench.pages, ['no database', null]);
  });

  void it("leaves an operator's maintenance alone", async () => {
    bench.events.emit('sites.loaded', { failures: [] });
    await turn();
    bench.state.maintenance = { message: 'back at noon' };
    bench.events.emit('site.reload.failed', { siteId: 'shop', generation: 1, error });
    bench.events.emit('site.reloaded', { siteId: 'shop', generation: 2 });
    assert.deepEqual(bench.pages, []);
    assert.deepEqual(bench.told, ['no database', 'mended']);
    delete bench.state.maintenance;
    bench.events.emit('site.reload.failed', { siteId: 'shop', generation: 2, error });
    bench.events.emit('site.maintenance', { siteId: 'shop', on: true, silentCount: 0 });
    bench.events.emit('site.reloaded', { siteId: 'shop', generation: 3 });
    assert.deepEqual(bench.pages, ['no database']);
  });
});

void it('a site that is not watched shows nothing and orders nothing', async () => {
  bench.state.watch = false;
  bench.events.emit('sites.loaded', { failures: [] });
  bench.events.emit('site.failed', { siteId: 'shop', error });
  await turn();
  assert.deepEqual([bench.pages, bench.orders], [[], []]);
});
