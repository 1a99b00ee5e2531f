// What units say for which systemd; the one in examples/ is one of them.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { serviceUnit, socketUnit } from './unit-text.js';
import type { UnitOptions } from './unit-text.js';

const EXAMPLE: UnitOptions = {
  version: 252,
  scope: 'system',
  node: '/usr/bin/node',
  program: '/opt/vhostd/packages/cli/bin/vhostd.js',
  config: '/etc/vhostd/vhostd.config.json',
  serviceUser: 'vhostd',
  hasSocket: false,
};

void test('the unit in examples is the one that vhostd systemd prints', () => {
  const example = new URL('../../../../examples/vhostd.service', import.meta.url);
  assert.equal(readFileSync(example, 'utf8'), serviceUnit(EXAMPLE));
});

void test('a systemd before 250 is not told what it does not know', () => {
  const without = serviceUnit(EXAMPLE).replace('ExitType=cgroup\n', '');
  assert.equal(serviceUnit({ ...EXAMPLE, version: 249 }), without);
  assert.notEqual(serviceUnit({ ...EXAMPLE, version: 250 }), without);
});

void test('systemd holds the sockets that no socket unit has, which one before 254 tells nobody', () => {
  assert.match(serviceUnit(EXAMPLE), /^FileDescriptorStoreMax=512\nEnvironment=FDSTORE=512$/mu);
  assert.match(serviceUnit({ ...EXAMPLE, version: 254 }), /^FileDescriptorStoreMax=512$/mu);
  assert.doesNotMatch(serviceUnit({ ...EXAMPLE, version: 254 }), /FDSTORE/u);
  assert.doesNotMatch(serviceUnit({ ...EXAMPLE, hasSocket: true }), /Store|FDSTORE/u);
});

void test('as root it keeps what it needs to change users, and hears no site', () => {
  const unit = serviceUnit({ ...EXAMPLE, serviceUser: 'root' });
  assert.doesNotMatch(unit, /^(?:User|\w+Capabilities|CapabilityBoundingSet|NoNewPrivileges|WatchdogSec)=/mu);
  assert.match(unit, /^NotifyAccess=main$/mu);
});

void test("a user's own systemd is asked for nothing that it may not do", () => {
  const unit = serviceUnit({ ...EXAMPLE, scope: 'user' });
  assert.doesNotMatch(
    unit,
    /^(?:User|AmbientCapabilities|Protect\w+|Private\w+|SystemCall\w+)=|network-online/mu,
  );
  assert.match(unit, /^WantedBy=default\.target$/mu);
});

void test('words of a command line are quoted, and mean what they say', () => {
  const unit = serviceUnit({ ...EXAMPLE, program: '/opt/my apps/vh"ostd.js', config: '/etc/50%/$HOME.json' });
  assert.match(
    unit,
    /^ExecStart=\/usr\/bin\/node "\/opt\/my apps\/vh\\"ostd\.js" run --config \/etc\/50%%\/\$\$HOME\.json /mu,
  );
});

void test('the service needs its socket unit where there is one, which has each address', () => {
  const unit = serviceUnit({ ...EXAMPLE, hasSocket: true });
  assert.match(unit, /^Requires=vhostd\.socket\nAfter=vhostd\.socket$/mu);
  assert.match(socketUnit(['80', '[::1]:443']), /^ListenStream=80\nListenStream=\[::1\]:443$/mu);
});

const analyze = spawnSync('systemd-analyze', ['--version'], { encoding: 'utf8' });
const version = Number(/^systemd (\d+)/u.exec(analyze.stdout ?? '')?.[1] ?? 0);

void test(
  'systemd finds no more exposure than 3.0',
  { skip: version >= 250 ? false : 'there is no systemd-analyze that judges files' },
  (t) => {
    const dir = mkdtempSync(path.join(tmpdir(), 'vhostd-test-'));
    t.after(() => rmSync(dir, { recursive: true, force: true }));
    const file = path.join(dir, 'vhostd.service');
    writeFileSync(file, serviceUnit(EXAMPLE));
    const { stdout } = spawnSync('systemd-analyze', ['security', '--offline=true', '--no-pager', file], {
      encoding: 'utf8',
    });
    const exposure = Number(/exposure level for vhostd\.service: ([\d.]+)/u.exec(stdout)?.[1]);
    assert.ok(exposure <= 3, `exposure ${exposure}`);
  },
);
