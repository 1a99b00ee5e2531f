import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { test } from 'node:test';
import { parseMasterConf } from '../conf/parse-conf.js';
import type { MasterConf } from '../conf/site-conf.js';
import { Memory } from './memory.js';

/** A daemon made of notes: what is sent arrives as JSON does. */
class Keeper {
  readonly values = new Map<string, unknown>();
  tellCount = 0;
  deaf = false;
  /** More than this in one value is too large. */
  maxChars = Infinity;

  remember(key: string, value: unknown): boolean {
    this.tellCount += 1;
    if (this.deaf) return false;
    const json = JSON.stringify(value);
    if (json.length > this.maxChars) throw new Error('too large');
    if (value === null) this.values.delete(key);
    else this.values.set(key, JSON.parse(json));
    return true;
  }

  recall(key: string): Promise<unknown> {
    return Promise.resolve(this.values.get(key) ?? null);
  }
}

function confOf(...siteIds: string[]): MasterConf {
  return parseMasterConf(
    { sites: siteIds.map((siteId) => ({ siteId, path: '/' })), backlog: 7 },
    { baseDir: '/' },
  );
}

/** A master's memory with these sites, which the keeper has been told. */
async function keep(keeper: Keeper, ...siteIds: string[]): Promise<Memory> {
  const conf = confOf(...siteIds);
  const memory = new Memory(keeper, conf);
  for (const [index, site] of conf.sites.entries()) {
    const release = index === 0 ? { workerFile: '/r/1.js', cwd: '/r' } : undefined;
    memory.setSite({ conf: site, generation: index + 3, ...(release === undefined ? {} : { release }) });
  }
  await turn();
  return memory;
}

test('the next master gets conf, generations and releases, in the order of the sites', async () => {
  const keeper = new Keeper();
  await keep(keeper, 'b', 'a');
  const recalled = await new Memory(keeper, confOf()).recall();
  assert.deepEqual(recalled?.conf, confOf('b', 'a'));
  assert.deepEqual(
    [...recalled.sites].map(([siteId, { generation, release }]) => [siteId, generation, release]),
    [
      ['b', 3, { workerFile: '/r/1.js', cwd: '/r' }],
      ['a', 4, undefined],
    ],
  );
});

test('only what has changed is told, once a turn; a site that is forgotten is gone', async () => {
  const keeper = new Keeper();
  const memory = await keep(keeper, 'a', 'b', 'c');
  keeper.tellCount = 0;
  const [a] = confOf('a').sites;
  assert.ok(a !== undefined);
  memory.setSite({ conf: a, generation: 8 });
  memory.setSite({ conf: a, generation: 9 });
  memory.setConf(confOf());
  await turn();
  assert.equal(keeper.tellCount, 1);
  memory.setConf(confOf('c', 'x', 'a'));
  memory.forgetSite('b');
  await turn();
  const recalled = await new Memory(keeper, confOf()).recall();
  assert.deepEqual([...(recalled?.sites.keys() ?? [])], ['c', 'a']);
  assert.equal(recalled?.sites.get('a')?.generation, 9);
});

test('a daemon that could take nothing is told again', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const keeper = new Keeper();
  keeper.deaf = true;
  await keep(keeper, 'a');
  assert.equal(await new Memory(keeper, confOf()).recall(), undefined);
  keeper.deaf = false;
  t.mock.timers.tick(1000);
  assert.deepEqual((await new Memory(keeper, confOf()).recall())?.conf, confOf('a'));
});

test('what is too large to be kept leaves nothing that is out of date', async () => {
  const keeper = new Keeper();
  const memory = await keep(keeper, 'a');
  keeper.maxChars = 100;
  const [a] = confOf('a').sites;
  assert.ok(a !== undefined);
  memory.setSite({ conf: a, generation: 5 });
  await turn();
  assert.equal(await new Memory(keeper, confOf()).recall(), undefined);
});

test('nothing is recalled of another version, nor without a daemon or from one that is gone', async () => {
  const keeper = new Keeper();
  await keep(keeper, 'a');
  Object.assign(keeper.values.get('whole') as object, { version: '0.0.0' });
  assert.equal(await new Memory(keeper, confOf()).recall(), undefined);
  assert.equal(await new Memory(undefined, confOf()).recall(), undefined);
  keeper.recall = () => Promise.reject(new Error('gone'));
  assert.equal(await new Memory(keeper, confOf()).recall(), undefined);
});
