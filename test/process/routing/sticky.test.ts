// A cookie of a connection's first request decides about its worker, through reloads, and for connections that are kept.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { seenBy } from '../../kit/ask-site.js';
import { startVhostd } from '../../kit/start-vhostd.js';
import type { LoneMaster } from '../../kit/start-vhostd.js';
import { WireClient } from '../../kit/wire-client.js';

const WORKER_COUNT = 3;

async function start(t: TestContext): Promise<LoneMaster> {
  const balance = { cookie: 'io', otherwise: 'round-robin' };
  return await startVhostd(t, { sites: [{ siteId: 'a', cpuLen: WORKER_COUNT, balance }] });
}

async function ask(client: WireClient, vhostd: LoneMaster, cookie = ''): Promise<number | undefined> {
  const field = cookie === '' ? '' : `Cookie: ${cookie}\r\n`;
  client.send(`GET / HTTP/1.1\r\nHost: a.test\r\n${field}\r\n`);
  const { pid } = seenBy(await client.answer());
  return (await vhostd.workers('a')).find((worker) => worker.pid === pid)?.slot;
}

/** The slot that answers on a connection of its own. */
async function slotOf(vhostd: LoneMaster, cookie = ''): Promise<number | undefined> {
  const client = await WireClient.open(await vhostd.port());
  const slot = await ask(client, vhostd, cookie);
  client.close();
  return slot;
}

test('connections with one cookie have one worker', async (t) => {
  const vhostd = await start(t);
  const users = Array.from({ length: 12 }, (_, index) => `io=user-${index}`);
  const slots = await Promise.all(users.map((user) => slotOf(vhostd, user)));
  assert.equal(new Set(slots).size, WORKER_COUNT);
  assert.ok(!slots.includes(undefined));

  await t.test('again, and also when another cookie stands before it', async () => {
    for (const [index, user] of users.entries()) {
      assert.equal(await slotOf(vhostd, user), slots[index]);
      assert.equal(await slotOf(vhostd, `first=1; ${user}`), slots[index]);
    }
  });

  await t.test('the number of a slot is that slot', async () => {
    for (let slot = 0; slot < WORKER_COUNT; slot += 1) assert.equal(await slotOf(vhostd, `io=${slot}`), slot);
  });

  await t.test('without the cookie they go by the other rule', async () => {
    const inTurn = [await slotOf(vhostd), await slotOf(vhostd), await slotOf(vhostd)];
    assert.equal(new Set(inTurn).size, WORKER_COUNT);
  });

  await t.test(
    'behind a reload it is the worker of the same slot, also where a connection was kept',
    async () => {
      const kept = await Promise.all(
        users.map(async (user) => {
          const client = await WireClient.open(await vhostd.port());
          await ask(client, vhostd, user);
          return client;
        }),
      );
      await vhostd.reloaded('a');
      await vhostd.drained();
      for (const [index, user] of users.entries()) {
        assert.equal(await slotOf(vhostd, user), slots[index]);
        const client = kept[index];
        assert.ok(client);
        // Without a cookie: it is the connection that stays.
        assert.equal(await ask(client, vhostd), slots[index]);
        client.close();
      }
    },
  );
});
