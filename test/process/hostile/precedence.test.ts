// Beside processes that keep all processors busy the kernel lets the master in first, and nobody that it starts.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { getPriority } from 'node:os';
import { test } from 'node:test';
import { get } from '../../kit/ask-site.js';
import { startVhostd } from '../../kit/start-vhostd.js';

const isRoot = process.geteuid?.() === 0 && getPriority() === 0;
const hasSessions = existsSync('/proc/self/autogroup');

function sessionPriority(pid: number): number {
  return Number(/nice (?<nice>-?\d+)/.exec(readFileSync(`/proc/${pid}/autogroup`, 'utf8'))?.groups?.['nice']);
}

test(
  'the master comes first, its workers have the usual priority, or that of their conf',
  { skip: !isRoot },
  async (t) => {
    const vhostd = await startVhostd(t, {
      daemon: true,
      sites: [
        { siteId: 'a', watch: true },
        { siteId: 'b', workerOptions: { nice: 4 } },
      ],
    });
    const look = async (): Promise<void> => {
      const { pid } = await vhostd.status().then(({ master }) => ({ pid: master?.pid ?? 0 }));
      const [a = 0, b = 0] = await Promise.all(
        ['a', 'b'].map(async (id) => (await vhostd.workers(id))[0]?.pid),
      );
      assert.deepEqual(
        [pid, a, b].map((one) => getPriority(one)),
        [-10, 0, 4],
      );
      if (hasSessions) assert.deepEqual([pid, a, b].map(sessionPriority), [-10, 0, 4]);
    };
    await look();
    await vhostd.run('reload');
    await look();
    assert.equal((await get(await vhostd.port(), 'a.test')).status, 200);
  },
);
