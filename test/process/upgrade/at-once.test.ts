// Reload, upgrade and stop, any two of them asked for at the same moment: each is answered, with what is true.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { startVhostd, workerPids } from '../../kit/start-vhostd.js';
import type { FullVhostd } from '../../kit/start-vhostd.js';
import { describe, it } from 'node:test';

type Order = 'reload' | 'upgrade' | 'stop';

/** What an order came to: `done`, or the code of its error. */
async function give(vhostd: FullVhostd, order: Order): Promise<string> {
  try {
    if (order === 'reload') return (await vhostd.reload()).sites[0]?.error?.code ?? 'done';
    if (order === 'upgrade') await vhostd.client.upgrade();
    else await vhostd.client.stop();
    return 'done';
  } catch (error) {
    return String(Reflect.get(Object(error), 'code'));
  }
}

void describe('orders at once', { concurrency: 2 }, () => {
  void it('are all carried out if none is a stop, but for a second upgrade', async (t) => {
    const vhostd = await startVhostd(t, { daemon: true, sites: [{ siteId: 'a' }] });
    // Each order before and behind each other one.
    const batches: Order[][] = [
      ['reload', 'upgrade', 'reload'],
      ['upgrade', 'reload', 'upgrade'],
    ];
    for (const [index, batch] of batches.entries()) {
      const before = await vhostd.serves();
      vhostd.change('a', { workerOptions: { env: { RELEASE: String(index) } } });
      const outcomes = await Promise.all(batch.map((order) => give(vhostd, order)));
      const told = `${batch.join(', ')}: ${outcomes.join(', ')}`;
      t.diagnostic(told);
      const ofUpgrades = outcomes.filter((_outcome, at) => batch[at] === 'upgrade').toSorted();
      assert.deepEqual(ofUpgrades, ['ERR_UPGRADE_RUNNING', 'done'].slice(-ofUpgrades.length), told);
      assert.ok(
        outcomes.every((outcome, at) => batch[at] === 'upgrade' || outcome === 'done'),
        told,
      );
      const after = await vhostd.serves();
      assert.notEqual(after.daemon.pid, before.daemon.pid);
      for (const pid of workerPids(after)) {
        assert.ok(readFileSync(`/proc/${pid}/environ`, 'latin1').includes(`RELEASE=${index}\0`));
      }
    }
    await vhostd.stop();
  });

  for (const [first, second] of [
    ['stop', 'stop'],
    ['stop', 'reload'],
    ['reload', 'stop'],
    ['stop', 'upgrade'],
    ['upgrade', 'stop'],
  ] as const) {
    void it(`${first} and ${second}: all has stopped when the stop says so, and the other one is told`, async (t) => {
      const vhostd = await startVhostd(t, { daemon: true, sites: [{ siteId: 'a' }] });
      const { daemon } = await vhostd.serves();
      let left: number[] | undefined;
      const watched = async (order: Order): Promise<string> => {
        const outcome = await give(vhostd, order);
        if (order === 'stop' && outcome === 'done') left ??= vhostd.processes();
        return outcome;
      };
      const outcomes = await Promise.all([watched(first), watched(second)]);
      t.diagnostic(outcomes.join(', '));
      for (const [index, order] of [first, second].entries()) {
        assert.ok(TRUE_OF[order].has(outcomes[index] ?? ''), `${order}: ${outcomes[index]}`);
      }
      assert.deepEqual(left, [], `of daemon ${daemon.pid}`);
      assert.equal((await vhostd.ended).code, 0);
    });
  }
});

/** What an order may come to beside a stop. */
const TRUE_OF: Record<Order, ReadonlySet<string>> = {
  // The second of two stops may find nobody.
  stop: new Set(['done', 'ERR_DAEMON_NOT_RUNNING']),
  reload: new Set([
    'ERR_CALL_LOST',
    'ERR_DAEMON_NOT_RUNNING',
    'ERR_DAEMON_STATE',
    'ERR_MASTER_NOT_RUNNING',
    'ERR_RELOAD_CANCELLED',
  ]),
  upgrade: new Set(['ERR_DAEMON_NOT_RUNNING', 'ERR_DAEMON_STATE', 'ERR_UPGRADE_FAILED']),
};
