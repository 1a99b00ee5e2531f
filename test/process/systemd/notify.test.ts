// What systemd hears of a service over deaths, reloads, upgrades and its end, and who of its processes could tell it.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import { atEnd } from '../../kit/at-end.js';
import { serves, startVhostd, workerPids } from '../../kit/start-vhostd.js';
import { NotifyReceiver, WHY_NO_RECEIVER } from './notify-receiver.js';

void describe('what systemd is told', { concurrency: 2, skip: WHY_NO_RECEIVER ?? false }, () => {
  for (const [way, variables] of [
    ['by a system call', {}],
    ['by systemd-notify', { VHOSTD_FFI: 'off' }],
  ] as const) {
    void it(`${way}: readiness, reload, each next daemon, the end`, async (t) => {
      const receiver = await listen(t);
      const env = { ...variables, NOTIFY_SOCKET: receiver.address, WATCHDOG_USEC: '60000000' };
      const sites = [{ siteId: 'a' }];
      const vhostd = await startVhostd(t, { daemon: true, env, sites });
      await receiver.told(new RegExp(`^MAINPID=${vhostd.pid} STATUS=`));
      await receiver.told('READY=1 STATUS=serves every site');
      await receiver.told(/^WATCHDOG=1$/);
      const first = await vhostd.serves();
      for (const pid of [first.master?.pid ?? 0, ...workerPids(first)]) {
        assert.doesNotMatch(readFileSync(`/proc/${pid}/environ`, 'latin1'), /NOTIFY_SOCKET|WATCHDOG/);
      }

      let from = receiver.messages.length;
      await vhostd.reloaded();
      await receiver.told(/^RELOADING=1 MONOTONIC_USEC=\d+ /, from);
      await receiver.told('READY=1', from);

      from = receiver.messages.length;
      process.kill(vhostd.pid, 'SIGKILL');
      const followed = await vhostd.until(
        'the next daemon',
        (now) => now.daemon.pid !== vhostd.pid && serves(now),
      );
      await receiver.told(`MAINPID=${followed.daemon.pid} `, from);
      await receiver.told('READY=1', from);
      await receiver.told(/^WATCHDOG=1$/, from);

      from = receiver.messages.length;
      assert.equal((await vhostd.run('upgrade')).code, 0);
      const upgraded = await vhostd.serves();
      assert.notEqual(upgraded.daemon.pid, followed.daemon.pid);
      await receiver.told(`MAINPID=${upgraded.daemon.pid} `, from);
      await receiver.told('READY=1', from);

      await vhostd.stop();
      await receiver.told('STOPPING=1');
      const ends = receiver.messages.filter((message) => message.startsWith('STOPPING=1'));
      assert.equal(ends.length, 1, 'a daemon that was replaced does not say that the service stops');
      assert.deepEqual(vhostd.logged('systemd.not-told'), []);
    });
  }

  void it('a site that fails to load does not keep the others from being ready', async (t) => {
    const receiver = await listen(t);
    const sites = [{ siteId: 'a' }, { siteId: 'b', workerFile: 'missing.js' }];
    const env = { NOTIFY_SOCKET: receiver.address };
    const vhostd = await startVhostd(t, { daemon: true, env, sites, wait: false });
    await receiver.told('READY=1 STATUS=serves, but could not load: b');
    assert.equal((await vhostd.site('a')).state, 'running');
    await vhostd.stop();
  });

  void it('a socket that nobody reads is reported once, and changes nothing', async (t) => {
    const env = { NOTIFY_SOCKET: '/nowhere/notify.sock' };
    const vhostd = await startVhostd(t, { daemon: true, env, sites: [{ siteId: 'a' }] });
    await vhostd.reloaded();
    assert.equal(vhostd.logged('systemd.not-told').length, 1);
    await vhostd.stop();
  });
});

async function listen(t: TestContext): Promise<NotifyReceiver> {
  const dir = mkdtempSync(join(tmpdir(), 'vhostd-test-'));
  const receiver = await NotifyReceiver.listen(dir);
  atEnd(t, () => {
    receiver.end();
    rmSync(dir, { recursive: true, force: true });
  });
  return receiver;
}
