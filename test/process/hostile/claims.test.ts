// Workers ask for hosts and addresses that are not theirs, for too many, and again and again: what the confs of others
// name stays theirs, and changes of others go on.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { askSite, get } from '../../kit/ask-site.js';
import { siteFile, startVhostd } from '../../kit/start-vhostd.js';
import { entries, steered, tryUpdate, update } from '../routing/steering.js';

const LISTENERS = 64;
/** One that is under way, and those for which the questions about them have room. */
const CHANGES_BETWEEN = 3;

test("what another site's conf names can be had by no worker, whether that site runs or not", async (t) => {
  const vhostd = await startVhostd(t, {
    commands: new URL('./hostile.commands.js', import.meta.url),
    sites: [
      steered('a', ['a.test', '*.shop.test'], { defaultListen: true }),
      steered('b', ['b.test']),
      steered('c', ['c.test', '*.c.test'], { allow: { hosts: ['pay.shop.test'], ports: [0] } }),
    ],
  });
  const port = await vhostd.port();
  const refuse = async (): Promise<void> => {
    const cases: [update: object, message: RegExp][] = [
      [{ listen: entries(['b.test', 'pay.shop.test']) }, /pay\.shop\.test is below \*\.shop\.test/],
      [{ listen: entries(['b.test', 'a.test']) }, /a\.test is on port/],
      [{ defaultListen: true }, /the default is on port/],
    ];
    for (const [change, message] of cases) {
      const outcome = await tryUpdate(vhostd, 'b', change);
      assert.ok('error' in outcome, JSON.stringify(change));
      assert.equal(outcome.error.code, 'ERR_ROUTE_CONFLICT');
      assert.match(outcome.error.message, message);
      assert.equal(outcome.error.info['holder'], 'a');
    }
    assert.equal((await askSite(port, 'b.test')).siteId, 'b');
  };
  await refuse();
  assert.equal((await askSite(port, 'pay.shop.test')).siteId, 'a');

  await update(vhostd, 'c', { listen: entries(['pay.shop.test']) });
  assert.equal((await askSite(port, 'pay.shop.test')).siteId, 'c');
  assert.equal((await askSite(port, 'other.shop.test')).siteId, 'a');

  await vhostd.ask('stopSite', 'a');
  await refuse();
});

test('more listeners than a site may have are refused whole', async (t) => {
  const vhostd = await startVhostd(t, { sites: [steered('a', ['a.test'])] });
  const before = (await vhostd.status()).listeners.length;
  const asked = (count: number): object => ({
    listen: Array.from({ length: count }, (_, index) => entries(['a.test'], `127.0.3.${index + 1}`)).flat(),
  });
  const outcome = await tryUpdate(vhostd, 'a', asked(LISTENERS + 1));
  assert.ok('error' in outcome);
  assert.equal(outcome.error.code, 'ERR_ALLOW_LISTENER_COUNT');
  assert.equal((await vhostd.status()).listeners.length, before);
  await update(vhostd, 'a', asked(LISTENERS));
  assert.equal((await vhostd.status()).listeners.length, LISTENERS);
});

test('one that changes ten thousand hosts again and again lets another change its own in between', async (t) => {
  const vhostd = await startVhostd(t, {
    sites: [
      { siteId: 'a', hosts: ['a.test'], workerFile: siteFile('claims', import.meta.url) },
      steered('b', ['b.test']),
    ],
  });
  const port = await vhostd.port();
  const look = async (): Promise<{ count: number; failure: string }> =>
    JSON.parse(String((await get(port, 'a.test', '/', { limitMs: 60_000 })).body)) as never;
  while ((await look()).count < 2) assert.equal((await look()).failure, '');
  const waits: string[] = [];
  for (let round = 0; round < 6; round += 1) {
    const before = (await look()).count;
    const startMs = performance.now();
    await update(vhostd, 'b', { listen: entries(['b.test', `b${round}.test`]) });
    waits.push(`${Math.round(performance.now() - startMs)} ms`);
    const { count, failure } = await look();
    assert.equal(failure, '');
    assert.ok(count - before <= CHANGES_BETWEEN, `${count - before} changes of the first came before`);
    assert.equal((await askSite(port, `b${round}.test`)).siteId, 'b');
  }
  t.diagnostic(`the other waited for ${waits.join(', ')}`);
});
