import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { test } from 'node:test';
import { parseMasterConf } from '../conf/parse-conf.js';
import type { MasterConf } from '../conf/site-conf.js';
import { MasterEvents } from '../events.js';
import { ServedState } from './served-state.js';
import type { StateStore } from './served-state.js';

/** A daemon made of notes: what is sent arrives as JSON does. */
class Store implements StateStore {
  readonly values = new Map<string, unknown>();
  saveCount = 0;
  deaf = false;
  /** More than this in one value is too large. */
  maxChars = Infinity;

  save(key: string, value: unknown): boolean {
    this.saveCount += 1;
    if (this.deaf) return false;
    const json = JSON.stringify(value);
    if (json.length > this.maxChars) throw new Error('too large');
    if (value === null) this.values.delete(key);
    else this.values.set(key, JSON.parse(json));
    return true;
  }

  load(key: string): Promise<unknown> {
    return Promise.resolve(this.values.get(key) ?? null);
  }
}

function confOf(...siteIds: string[]): MasterConf {
  return parseMasterConf(
    { sites: siteIds.map((siteId) => ({ siteId, path: '/' })), backlog: 7 },
    { baseDir: '/' },
  );
}

/** The events of a master with these sites, of which the store has been told. */
async function serve(store: Store, ...siteIds: string[]): Promise<MasterEvents> {
  const conf = confOf(...siteIds);
  const events = new MasterEvents();
  new ServedState(store, conf).subscribe(events);
  for (const [index, site] of conf.sites.entries()) {
    const release = index === 0 ? { workerFile: '/r/1.js', cwd: '/r' } : undefined;
    events.emit('site.served', {
      conf: site,
      generation: index + 3,
      ...(release === undefined ? {} : { release }),
    });
  }
  await turn();
  return events;
}

test('the next master gets conf, generations and releases, in the order of the sites', async () => {
  const store = new Store();
  await serve(store, 'b', 'a');
  const loaded = await new ServedState(store, confOf()).load();
  assert.deepEqual(loaded?.conf, confOf('b', 'a'));
  assert.deepEqual(
    [...loaded.sites].map(([siteId, { generation, release }]) => [siteId, generation, release]),
    [
      ['b', 3, { workerFile: '/r/1.js', cwd: '/r' }],
      ['a', 4, undefined],
    ],
  );
});

test('only what has changed is saved, once a turn; a site that is removed is gone', async () => {
  const store = new Store();
  const events = await serve(store, 'a', 'b', 'c');
  store.saveCount = 0;
  const [a] = confOf('a').sites;
  assert.ok(a !== undefined);
  events.emit('site.served', { conf: a, generation: 8 });
  events.emit('site.served', { conf: a, generation: 9 });
  events.emit('conf.applied', { conf: confOf() });
  await turn();
  assert.equal(store.saveCount, 1);
  events.emit('conf.applied', { conf: confOf('c', 'x', 'a') });
  events.emit('site.removed', { siteId: 'b' });
  await turn();
  const loaded = await new ServedState(store, confOf()).load();
  assert.deepEqual([...(loaded?.sites.keys() ?? [])], ['c', 'a']);
  assert.equal(loaded?.sites.get('a')?.generation, 9);
});

test('what a daemon could not take is saved again', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const store = new Store();
  store.deaf = true;
  await serve(store, 'a');
  assert.equal(await new ServedState(store, confOf()).load(), undefined);
  store.deaf = false;
  t.mock.timers.tick(1000);
  assert.deepEqual((await new ServedState(store, confOf()).load())?.conf, confOf('a'));
});

test('what is too large to be saved leaves nothing that is out of date', async () => {
  const store = new Store();
  const events = await serve(store, 'a');
  store.maxChars = 100;
  const [a] = confOf('a').sites;
  assert.ok(a !== undefined);
  events.emit('site.served', { conf: a, generation: 5 });
  await turn();
  assert.equal(await new ServedState(store, confOf()).load(), undefined);
});

test('nothing is loaded of another version, nor without a daemon or from one that is gone', async () => {
  const store = new Store();
  await serve(store, 'a');
  Object.assign(store.values.get('whole') as object, { version: '0.0.0' });
  assert.equal(await new ServedState(store, confOf()).load(), undefined);
  assert.equal(await new ServedState(undefined, confOf()).load(), undefined);
  store.load = () => Promise.reject(new Error('gone'));
  assert.equal(await new ServedState(store, confOf()).load(), undefined);
});
