// Workers ask for hosts and addresses that are not theirs, for too many, and again and again: what the confs of others
// name stays theirs, and changes of others go on.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { askSite } from '../../kit/ask-site.js';
import { startVhostd } from '../../kit/start-vhostd.js';
import { entries, steered, tryUpdate, update } from '../routing/steering.js';

const LISTENERS = 64;

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
