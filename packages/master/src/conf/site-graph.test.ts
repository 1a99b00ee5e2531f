import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findCycle, inDependencyOrder } from './site-graph.js';
import type { DependentSite } from './site-graph.js';

/** Sites from a list such as `a:b,c`. */
function sites(...texts: string[]): DependentSite[] {
  return texts.map((text) => {
    const [siteId = '', dependencies = ''] = text.split(':');
    return { siteId, dependencies: dependencies.split(',').filter((name) => name !== '') };
  });
}

test('a cycle is found wherever it is, and told without what only leads to it', () => {
  assert.deepEqual(findCycle(sites('a:a')), ['a', 'a']);
  assert.deepEqual(findCycle(sites('a:b', 'b:a')), ['a', 'b', 'a']);
  assert.deepEqual(findCycle(sites('x:a', 'a:b', 'b:y,c', 'c:a', 'y')), ['a', 'b', 'c', 'a']);
  assert.deepEqual(findCycle(sites('a', 'b:a', 'c:d', 'd:b,c')), ['c', 'd', 'c']);
});

test('where there is none, none is found: not in a diamond, nor in what is not there', () => {
  assert.equal(findCycle(sites('a:b,c', 'b:d', 'c:d', 'd')), undefined);
  assert.equal(findCycle(sites('a:nobody')), undefined);
  assert.equal(findCycle([]), undefined);
});

test('ten thousand sites in a row, or all on one, are a matter of a moment', async () => {
  const names = Array.from({ length: 10_000 }, (_, index) => `s${index}`);
  const row = names.map((siteId, index) => ({ siteId, dependencies: names.slice(index + 1, index + 2) }));
  assert.equal(findCycle(row), undefined);
  const order: string[] = [];
  await inDependencyOrder(row, ({ siteId }) => Promise.resolve(order.push(siteId)));
  assert.deepEqual(order, names.toReversed());
  const closed = row.map((site) => (site.siteId === 's9999' ? { ...site, dependencies: ['s0'] } : site));
  assert.equal(findCycle(closed)?.length, 10_001);
});

/** Notes the begin and the end of each site's work, which takes a turn of the event loop. */
async function notes(
  of: DependentSite[],
  options?: { reverse: boolean },
  failing?: string,
): Promise<{ log: string[]; results: unknown }> {
  const log: string[] = [];
  const work = async ({ siteId }: DependentSite): Promise<string> => {
    log.push(`${siteId}(`);
    await new Promise(setImmediate);
    log.push(`)${siteId}`);
    if (siteId === failing) throw new Error(`${siteId} failed`);
    return siteId;
  };
  const results = await inDependencyOrder(of, work, options).catch(String);
  return { log, results };
}

test('work is done behind that of what a site depends on, else at the same time', async () => {
  const { log, results } = await notes(sites('a:b,nobody', 'b:c', 'c', 'd'));
  assert.deepEqual(without('d', log), ['c(', ')c', 'b(', ')b', 'a(', ')a']);
  assert.deepEqual(log.slice(0, 2), ['c(', 'd(']);
  assert.deepEqual(results, ['a', 'b', 'c', 'd']);
});

test('in reverse it is done behind that of what depends on a site', async () => {
  const { log } = await notes(sites('a:b', 'b:c', 'c', 'd'), { reverse: true });
  assert.deepEqual(without('d', log), ['a(', ')a', 'b(', ')b', 'c(', ')c']);
  assert.deepEqual(log.slice(0, 2), ['a(', 'd(']);
});

test('work that fails holds nobody up', async () => {
  const { log, results } = await notes(sites('a:b', 'b'), undefined, 'b');
  assert.equal(results, 'Error: b failed');
  await new Promise(setImmediate);
  await new Promise(setImmediate);
  assert.deepEqual(log, ['b(', ')b', 'a(', ')a']);
});

function without(siteId: string, log: string[]): string[] {
  return log.filter((note) => !note.includes(siteId));
}
