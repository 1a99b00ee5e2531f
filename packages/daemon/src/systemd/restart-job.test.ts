// What is read of control groups and jobs; a restart by a real systemd: test/process/systemd.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hasRestart, isRestarted, unitOf } from './restart-job.js';

void test('the unit is the innermost service, in both kinds of control groups', () => {
  assert.equal(unitOf('0::/system.slice/vhostd.service/vhostd\n'), 'vhostd.service');
  assert.equal(
    unitOf('0::/user.slice/user-1000.slice/user@1000.service/app.slice/web.service\n'),
    'web.service',
  );
  assert.equal(unitOf('5:pids:/x.service\n1:name=systemd:/system.slice/vhostd.service\n'), 'vhostd.service');
  assert.equal(unitOf('9:name=systemd:/\n8:pids:/\n0::/system.slice/vhostd.service\n'), 'vhostd.service');
  assert.equal(unitOf('0::/user.slice/session-1.scope\n'), undefined);
});

void test('only a restart is one', () => {
  assert.ok(hasRestart('1052 vhostd.service restart running\n'));
  assert.ok(!hasRestart('1052 vhostd.service stop running\n'));
  assert.ok(!hasRestart('No jobs running.\n'));
});

void test('where nobody answers it is none', async () => {
  assert.equal(await isRestarted('/run/user/4294967294/nobody'), false);
});
