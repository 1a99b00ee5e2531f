// How connections are shared out among workers that accept by themselves, and what becomes of those that no worker has
// room for.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { seenBy } from '../../kit/ask-site.js';
import { limitDescriptors } from '../../kit/limit-descriptors.js';
import { descriptorCount } from '../../kit/processes.js';
import { siteFile, startVhostd } from '../../kit/start-vhostd.js';
import { WireClient } from '../../kit/wire-client.js';
import { direct, directSite, HOST } from './direct-site.js';

const COUNT = 64;

void describe('workers that accept from one queue', () => {
  for (const cpuLen of [2, 4]) {
    void it(`each of ${cpuLen} has some of ${COUNT} kept connections`, async (t) => {
      const vhostd = await startVhostd(t, { sites: [directSite({ cpuLen })] });
      const port = await vhostd.port();
      await vhostd.ready('a', cpuLen);
      await direct(vhostd, port);
      await vhostd.until('none is open', ({ sites: [a] }) =>
        (a?.workers ?? []).every(({ connections }) => connections === 0),
      );
      for (const burst of [true, false]) {
        const clients: WireClient[] = [];
        const open = async (): Promise<void> => void clients.push(await WireClient.open(port));
        if (burst) await Promise.all(Array.from({ length: COUNT }, open));
        else for (let index = 0; index < COUNT; index += 1) await open();
        const had = new Map<number, number>();
        for (const client of clients) {
          client.send(`GET / HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`);
          const { pid } = seenBy(await client.answer());
          had.set(pid, (had.get(pid) ?? 0) + 1);
        }
        t.diagnostic(`${burst ? 'at once' : 'one by one'}: ${[...had.values()].join(' ')}`);
        // How even it is depends on how often the machine runs each: shares.test.ts has the bound.
        assert.equal(had.size, cpuLen);
        for (const client of clients) client.close();
        await vhostd.until('none is open', ({ sites: [a] }) =>
          (a?.workers ?? []).every(({ connections }) => connections === 0),
        );
      }
      assert.equal((await vhostd.status()).counts.violations, 0);
    });
  }

  void it('leave those for which one has no descriptor to another one', async (t) => {
    const vhostd = await startVhostd(t, { sites: [directSite()] });
    const port = await vhostd.port();
    await vhostd.ready('a', 2);
    await direct(vhostd, port);
    const [poor = 0, rich = 0] = (await vhostd.workers('a')).map(({ pid }) => pid);
    // A quarter of them is its reserve.
    await limitDescriptors(poor, Math.ceil((descriptorCount(poor) + 4) / 0.75));
    // A process looks at its limit each 200 ms at most (descriptor-room.ts).
    await delay(200);
    const clients: WireClient[] = [];
    const had = new Map<number, number>();
    for (let index = 0; index < 60; index += 1) {
      const client = await WireClient.open(port);
      client.send(`GET / HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`);
      const { pid } = seenBy(await client.answer());
      had.set(pid, (had.get(pid) ?? 0) + 1);
      clients.push(client);
    }
    t.diagnostic(`${had.get(poor) ?? 0} and ${had.get(rich) ?? 0}`);
    assert.ok((had.get(poor) ?? 0) < 30 && (had.get(rich) ?? 0) > 30);
    for (const client of clients) client.close();
    const { counts } = await vhostd.status();
    assert.deepEqual([counts.violations, counts.refused], [0, {}]);
  });

  void it('take no more than maxConnections each, while the other one has room', async (t) => {
    const workerFile = siteFile('crowded', new URL('../worker/', import.meta.url).href);
    const site = directSite({ workerFile });
    const vhostd = await startVhostd(t, { sites: [site] });
    const port = await vhostd.port();
    await vhostd.ready('a', 2);
    await direct(vhostd, port);
    await vhostd.until('none is open', ({ sites: [a] }) =>
      (a?.workers ?? []).every(({ connections }) => connections === 0),
    );
    const clients = await Promise.all(Array.from({ length: 4 }, () => WireClient.open(port)));
    for (const client of clients) {
      client.send(`GET / HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`);
      assert.equal((await client.answer()).status, 200);
    }
    for (const client of clients) client.close();
  });
});
