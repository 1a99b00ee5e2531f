// Kept-alive cleartext connections through reloads: nothing is lost, and none is closed.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import { checkAnswer, simpleExchange } from '../kit/exchange.js';
import { KeepAliveLoad } from '../kit/keep-alive-load.js';
import { Random } from '../kit/random.js';
import { Rig, siteFile } from '../kit/rig.js';
import { NOTHING_LOST } from '../kit/tally.js';
import { WireClient } from '../kit/wire-client.js';

const HOST = 'a.test';

function startRig(t: TestContext, handoff: string, cpuLen = 2): Promise<Rig> {
  return Rig.start(t, {
    sites: [{ siteId: 'a', hosts: [HOST], workerFile: siteFile('exchange'), cpuLen, drainTimeout: '30s' }],
    conf: { handoff },
  });
}

async function reload(rig: Rig): Promise<void> {
  const { sites } = (await rig.ask('reload', 'a')) as { sites: { ok: boolean }[] };
  assert.deepEqual(sites.map(({ ok }) => ok), [true], rig.output);
}

for (const handoff of ['pipe', 'ipc']) {
  void describe(`kept-alive connections through reloads, hand-over by ${handoff}`, () => {
    void it('16 busy clients lose nothing and keep their connections', async (t) => {
      const seed = Random.seed();
      t.diagnostic(`SEED=${seed}`);
      const rig = await startRig(t, handoff);
      const load = new KeepAliveLoad({ port: await rig.port(), host: HOST, clientCount: 16, seed });
      const reloadCount = 20;
      for (let count = 0; count < reloadCount; count += 1) {
        await load.progress(50);
        await reload(rig);
      }
      await load.progress(50);
      const tally = await load.stop();
      assert.deepEqual(tally.lost, NOTHING_LOST, tally.failures.join('\n'));
      assert.equal(tally.connectCount, 16);
      assert.equal(tally.announcedCount, 0);
      assert.equal(Math.max(...tally.generations), reloadCount + 1);
      const { counts } = await rig.status();
      assert.ok(counts.handedBack > 0);
      t.diagnostic(`${tally.counts.ok} requests, ${counts.handedBack} migrations`);
    });
  });
}
