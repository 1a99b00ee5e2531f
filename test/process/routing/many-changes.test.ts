// Changes of the routing table while clients come: each is answered by a site that has the host at that moment.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { askSite, get, seenBy } from '../../kit/ask-site.js';
import { residentBytes } from '../../kit/processes.js';
import { startVhostd } from '../../kit/start-vhostd.js';
import { entries, steered } from './steering.js';
import type { FlipOrder } from './update-messages.js';

/** As fast as the machine can, which is a third of that on a slow one. */
const FOR_MS = process.env['VHOSTD_TEST_LONG'] === '1' ? 60_000 : 5000;

test('with a hundred changes a second every answer comes from one of the two right sites', async (t) => {
  const vhostd = await startVhostd(t, {
    // Below a wildcard of another site's, so its own conf names it.
    sites: [
      steered('a', ['a.test'], { allow: { hosts: ['a.test', 'flip.test'] } }),
      steered('b', ['b.test', '*.test']),
    ],
  });
  const port = await vhostd.port();
  const counts: Record<string, number> = {};
  let busy = true;
  const client = async (host: string, right: string[]): Promise<void> => {
    while (busy) {
      const answer = await get(port, host);
      const siteId = answer.status === 200 ? seenBy(answer).siteId : String(answer.status);
      assert.ok(right.includes(siteId), `${host} was answered by ${siteId}`);
      counts[`${host}→${siteId}`] = (counts[`${host}→${siteId}`] ?? 0) + 1;
    }
  };
  const clients = Promise.all([
    ...[1, 2, 3].map(() => client('flip.test', ['a', 'b'])),
    client('a.test', ['a']),
    client('b.test', ['b']),
  ]);
  const order: FlipOrder = {
    updates: [{ listen: entries(['a.test', 'flip.test']) }, { listen: entries(['a.test']) }],
    everyMs: 10,
    forMs: FOR_MS,
  };
  // The suffix site changes as well, around what it always has.
  const other: FlipOrder = {
    updates: [{ listen: entries(['b.test', '*.test', 'c.test']) }, { listen: entries(['b.test', '*.test']) }],
    everyMs: 25,
    forMs: FOR_MS,
  };
  const [flips, others] = (await Promise.all([
    vhostd.callSite('a', 'flip', order),
    vhostd.callSite('b', 'flip', other),
  ])) as {
    count: number;
    failures: number;
  }[];
  busy = false;
  await clients;
  t.diagnostic(`${flips?.count} and ${others?.count} changes; answers ${JSON.stringify(counts)}`);
  assert.deepEqual([flips?.failures, others?.failures], [0, 0]);
  // Each waits for the worker that loses a host to have heard of it.
  assert.ok((flips?.count ?? 0) >= FOR_MS / 600);
  assert.ok((counts['flip.test→a'] ?? 0) > 0 && (counts['flip.test→b'] ?? 0) > 0);
  assert.deepEqual((await vhostd.status()).counts.refused, {});
});

test('of ten thousand changes at once the last one wins, and nobody needs much memory for them', async (t) => {
  const vhostd = await startVhostd(t, { sites: [steered('a', ['a.test']), steered('b', ['b.test'])] });
  const port = await vhostd.port();
  const [worker] = await vhostd.workers('a');
  const hosts = Array.from({ length: 200 }, (_, at) => `h${at}.test`);
  // Applied from the last to the first: the first list is the last state.
  const updates = hosts.map((_, at) => ({ listen: entries(['a.test', ...hosts.slice(0, at + 1)]) }));
  const before = { master: residentBytes(vhostd.pid), worker: residentBytes(worker?.pid ?? 0) };
  const { refused } = (await vhostd.callSite('a', 'flood', { updates, count: 10_000 })) as {
    refused: number;
  };
  const after = { master: residentBytes(vhostd.pid), worker: residentBytes(worker?.pid ?? 0) };
  const grown = {
    master: (after.master - before.master) >> 20,
    worker: (after.worker - before.worker) >> 20,
  };
  t.diagnostic(`grown by ${grown.master} MB in the master, ${grown.worker} MB in the worker`);
  assert.equal(refused, 0);
  assert.ok(grown.master < 50);
  assert.ok(grown.worker < 150);
  assert.deepEqual((await vhostd.site('a')).hosts, ['a.test', 'h0.test']);
  assert.equal((await askSite(port, 'h0.test')).siteId, 'a');
  assert.equal((await get(port, 'h1.test')).status, 421);
  assert.equal((await askSite(port, 'b.test')).siteId, 'b');
});
