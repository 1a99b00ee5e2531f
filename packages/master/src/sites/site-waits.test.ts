import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Readiness } from './readiness.js';
import { SiteWaits } from './site-waits.js';

class Bench {
  readonly readinesses = new Map<string, Omit<Readiness, 'siteId'>>();
  readonly waits: SiteWaits = new SiteWaits({
    readiness: (siteId) => {
      const readiness = this.readinesses.get(siteId);
      return readiness && { siteId, ...readiness };
    },
  });
  readonly worker = new AbortController();

  constructor(published: Record<string, boolean>) {
    for (const [siteId, is] of Object.entries(published)) this.readinesses.set(siteId, { published: is });
  }

  wait(siteIds: unknown, timeoutMs: unknown = 60_000): Promise<null> {
    return this.waits.wait({ siteIds, timeoutMs }, this.worker.signal);
  }

  set(siteId: string, published: boolean): void {
    this.readinesses.set(siteId, { published });
    this.waits.look();
  }
}

test('a wait ends when all its sites are published at the same time', async () => {
  const bench = new Bench({ a: true, b: false, c: false });
  let ended = false;
  const wait = bench.wait(['a', 'b', 'c']).then((result) => {
    ended = true;
    return result;
  });
  bench.set('b', true);
  bench.set('a', false);
  bench.set('c', true);
  await new Promise(setImmediate);
  assert.equal(ended, false);
  bench.set('a', true);
  assert.equal(await wait, null);
  assert.equal(await bench.wait(['a', 'b']), null);
});

test('one that takes too long names what is missing, and what is wrong with it', async () => {
  const bench = new Bench({ a: true, b: false });
  bench.readinesses.set('c', { published: false, failure: { code: 'ERR_X', message: 'boom' } });
  await assert.rejects(bench.wait(['a', 'b', 'c'], 10), {
    code: 'ERR_SITE_WAIT_TIMEOUT',
    message: 'not published within 10ms: b, c (boom)',
    info: { missing: ['b', 'c'], timeoutMs: 10 },
  });
});

test('a worker that is gone waits no longer, nor does one that was gone before', async () => {
  const bench = new Bench({ a: false });
  const wait = bench.wait(['a']);
  bench.worker.abort();
  await assert.rejects(wait, { code: 'ERR_CALL_LOST' });
  await assert.rejects(bench.wait(['a']), { code: 'ERR_CALL_LOST' });
});

test('what is no list of known sites, or no time, is refused', async () => {
  const bench = new Bench({ a: false });
  await assert.rejects(bench.wait(['a', 'b']), { code: 'ERR_SITE_UNKNOWN', info: { siteId: 'b' } });
  await assert.rejects(bench.wait(['x'.repeat(5000)]), ({ message }: Error) => message.length < 200);
  for (const siteIds of [undefined, 'a', [1], Array.from({ length: 1001 }, () => 'a'), { length: 1 }]) {
    await assert.rejects(bench.wait(siteIds), { code: 'ERR_CALL_INVALID' });
  }
  for (const timeoutMs of [null, -1, Number.NaN, '5']) {
    await assert.rejects(bench.wait(['a'], timeoutMs), { code: 'ERR_CALL_INVALID' });
  }
  await assert.rejects(bench.waits.wait(null, bench.worker.signal), { code: 'ERR_CALL_INVALID' });
});
