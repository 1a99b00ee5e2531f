// A site fills the disk that holds its log, and vhostd's run and state directory: everybody is served, orders work, what
// is written there is what it was or what it should be, and all is well when there is room again.
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { get } from '../../kit/ask-site.js';
import { withOwnState } from '../../kit/full-vhostd.js';
import { SmallDisk, smallDiskSkip } from '../../kit/small-disk.js';
import { startVhostd } from '../../kit/start-vhostd.js';
import type { FullVhostd } from '../../kit/start-vhostd.js';
import { until } from '../../kit/until.js';

const SITES = [
  { siteId: 'a', logAll: 'a.log', logRotate: { size: '1mb', keep: 1 } },
  { siteId: 'b', cpuLen: 1 },
];

function contents(dir: string): Record<string, string> {
  const names = existsSync(dir) ? readdirSync(dir, { recursive: true, encoding: 'utf8' }) : [];
  const files = names.filter((name) => name.endsWith('.json') && statSync(join(dir, name)).isFile());
  return Object.fromEntries(files.map((name) => [name, readFileSync(join(dir, name), 'utf8')]));
}

async function served(vhostd: FullVhostd, port: number): Promise<void> {
  for (const host of ['a.test', 'b.test']) {
    for (let count = 0; count < 20; count += 1)
      assert.equal((await get(port, host, '/', { limitMs: 60_000 })).status, 200, host);
  }
  assert.equal((await vhostd.run('status')).code, 0);
}

test(
  'a full disk stops nobody, and nothing that was kept is lost by it',
  { skip: smallDiskSkip },
  async (t) => {
    const disk = new SmallDisk(t);
    const vhostd = await startVhostd(t, { daemon: true, program: withOwnState, sites: SITES });
    const port = await vhostd.port();
    assert.equal((await vhostd.run('scale', 'b', '2')).code, 0);
    await vhostd.ready('b', 2);
    const state = join(vhostd.dir, 'state');
    const before = contents(state);
    assert.ok(Object.keys(before).length > 0);

    disk.fill();
    await served(vhostd, port);
    assert.equal((await vhostd.run('reload')).code, 0);
    const scaled = await vhostd.run('scale', 'b', '3');
    assert.deepEqual([scaled.code, /until vhostd ends/.test(scaled.stdout)], [0, true], scaled.stdout);
    assert.equal((await vhostd.run('stop', 'b')).code, 0);
    assert.equal((await vhostd.run('start', 'b')).code, 0);
    assert.deepEqual(contents(state), before);
    const master = (await vhostd.status()).master?.pid ?? 0;
    process.kill(master, 'SIGKILL');
    await vhostd.until('there is another master', (status) => (status.master?.pid ?? master) !== master);
    await vhostd.serves();
    await served(vhostd, port);

    // The new daemon has no room for its PID file: this one goes on, and answers.
    rmSync(join(vhostd.runDir, 'daemon.pid'));
    disk.fill();
    const failed = await vhostd.run('upgrade');
    assert.notEqual(failed.code, 0);
    assert.match(failed.stderr, /ENOSPC/);
    await until('the daemon answers', async () => {
      const value = await vhostd.statusNow();
      return { done: value?.daemon.pid === vhostd.pid, value };
    });
    await served(vhostd, port);
    assert.deepEqual(contents(state), before);

    disk.empty();
    await until('the PID file is there again', () => {
      const file = join(vhostd.runDir, 'daemon.pid');
      return {
        done: existsSync(file) && vhostd.pidInFile() === vhostd.pid,
        value: readdirSync(vhostd.runDir),
      };
    });
    const lasting = await vhostd.run('scale', 'b', '3');
    assert.deepEqual([lasting.code, /until vhostd ends/.test(lasting.stdout)], [0, false], lasting.stdout);
    assert.notDeepEqual(contents(state), before);
    assert.equal((await vhostd.run('upgrade')).code, 0);
    await vhostd.serves();
    await served(vhostd, port);
    assert.equal((await vhostd.run('stop')).code, 0);
  },
);
