// An order that is given while the next master has not loaded its sites waits for them.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { askSite } from '../../kit/ask-site.js';
import { portOf, serves, startVhostd } from '../../kit/start-vhostd.js';

const PAUSES_MS = process.env['VHOSTD_TEST_LONG'] === '1' ? [0, 20, 40, 60, 80, 130, 200, 300] : [0, 60, 200];

for (const how of ['command', 'signal'] as const) {
  test(`a reload by ${how} right behind a master's death waits, and works`, async (t) => {
    const vhostd = await startVhostd(t, { daemon: true, sites: [{ siteId: 'a', settleTime: '10ms' }] });
    for (const pauseMs of PAUSES_MS) {
      const { master } = await vhostd.serves();
      const spawned = vhostd.logged('master::spawned').length;
      process.kill(master?.pid ?? 0, 'SIGKILL');
      await vhostd.logs('master::spawned', spawned + 1);
      await delay(pauseMs);
      const done = vhostd.logged('order.done').length;
      if (how === 'command') {
        const { sites } = await vhostd.reload();
        assert.deepEqual(
          sites.map(({ ok }) => ok),
          [true],
          `${pauseMs} ms`,
        );
      } else {
        vhostd.signal('SIGHUP');
        await vhostd.logs('order.done', done + 1);
      }
      const status = await vhostd.until(
        `it serves, ${pauseMs} ms`,
        (now) => now.master?.pid !== master?.pid && serves(now),
      );
      assert.equal((await askSite(portOf(status), 'a.test')).siteId, 'a');
    }
    assert.deepEqual(vhostd.logged('order.failed'), []);
  });
}

test("an order for one site right behind a master's death waits, and works", async (t) => {
  const vhostd = await startVhostd(t, { daemon: true, sites: [{ siteId: 'a', settleTime: '10ms' }] });
  const orders: readonly (readonly string[])[] = [
    ['pause', 'a'],
    ['scale', 'a', '1'],
    ['maintenance', 'a'],
    ['flush', 'a'],
  ];
  for (const order of orders) {
    const { master } = await vhostd.serves();
    const spawned = vhostd.logged('master::spawned').length;
    process.kill(master?.pid ?? 0, 'SIGKILL');
    await vhostd.logs('master::spawned', spawned + 1);
    const { code, stderr } = await vhostd.run(...order);
    assert.deepEqual([code, stderr], [0, ''], order.join(' '));
  }
});
