import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { untilEdgesFollow } from './edges.js';

/** A store that has, each time it is read, the next ones of these edges. */
function storeOf(...reads: Record<string, object>[]): Parameters<typeof untilEdgesFollow>[0] {
  let at = 0;
  return {
    range: async () => {
      const edges = reads[Math.min(at, reads.length - 1)] ?? {};
      at += 1;
      const entries = Object.entries(edges).map(([edge, record]) => [
        `/f/edges/${edge}`,
        JSON.stringify({ version: '1', haproxy: 'answers', kept: {}, ...record }),
      ]);
      return { revision: '1', entries: new Map(entries as [string, string][]) };
    },
  };
}

const WAIT = { prefix: '/f', machine: 'm1', revision: () => '9', timeoutMs: 60_000, followMs: 1000 };

void describe('waiting for edges', () => {
  void it('ends when each has applied the revision, and has what each keeps of this machine', async () => {
    const store = storeOf(
      { a: { revision: '9' }, b: { revision: '8' } },
      { a: { revision: '9', kept: { m1: 2, m2: 1 } }, b: { revision: '10' } },
    );
    assert.deepEqual(await untilEdgesFollow(store, WAIT), [
      { edge: 'a', haproxy: 'answers', applied: true, kept: 2 },
      { edge: 'b', haproxy: 'answers', applied: true, kept: 0 },
    ]);
  });

  void it('ends at the limit with those that have not, and does not wait for one that has gone', async () => {
    const late = storeOf({ a: { revision: '8', haproxy: 'fails' } });
    assert.deepEqual(await untilEdgesFollow(late, { ...WAIT, timeoutMs: 300 }), [
      { edge: 'a', haproxy: 'fails', applied: false, kept: 0 },
    ]);
    const gone = storeOf({ a: { revision: '9' }, b: { revision: '8' } }, { a: { revision: '9' } });
    assert.deepEqual(
      (await untilEdgesFollow(gone, WAIT)).map(({ edge }) => edge),
      ['a'],
    );
  });

  void it('leaves who tells nothing time to know', async () => {
    const fromMs = performance.now();
    assert.deepEqual(await untilEdgesFollow(storeOf({}), WAIT), []);
    assert.ok(performance.now() - fromMs >= 1000);
  });
});
