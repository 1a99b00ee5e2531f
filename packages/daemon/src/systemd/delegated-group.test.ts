import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { delegatedGroup } from './delegated-group.js';
import type { GroupFiles } from './delegated-group.js';

/** A service's group in place of this process's. */
function scene(t: TestContext, own: string, processes: number[]): { service: string; files: GroupFiles } {
  const directory = mkdtempSync(path.join(tmpdir(), 'vhostd-test-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const [cgroup, mountinfo] = [path.join(directory, 'cgroup'), path.join(directory, 'mountinfo')];
  writeFileSync(cgroup, `1:name=systemd:/x\n0::/slice${own}\n`);
  writeFileSync(
    mountinfo,
    `31 23 0:28 / /sys rw - sysfs sysfs rw\n41 31 0:38 / ${directory}/cg rw - cgroup2 cgroup2 rw\n`,
  );
  const service = path.join(directory, 'cg/slice/vhostd.service');
  mkdirSync(path.join(service, 'vhostd'), { recursive: true });
  writeFileSync(path.join(service, 'cgroup.procs'), processes.map((pid) => `${pid}\n`).join(''));
  return { service, files: { cgroup, mountinfo } };
}

void test('a process whose group is its own makes room in it for those of sites', (t) => {
  const { service, files } = scene(t, '/vhostd.service', [process.pid]);
  assert.equal(delegatedGroup('delegated', files), service);
  assert.equal(readFileSync(path.join(service, 'vhostd/cgroup.procs'), 'utf8'), String(process.pid));
});

void test('the next daemon finds the same place', (t) => {
  const { service, files } = scene(t, '/vhostd.service/vhostd', []);
  assert.equal(delegatedGroup('delegated', files), service);
});

void test('a group with processes of others is left alone', (t) => {
  const { files } = scene(t, '/vhostd.service', [process.pid, 1]);
  assert.throws(() => delegatedGroup('delegated', files), /has other processes: 1$/u);
});

void test('a directory may be named; what is none is refused', (t) => {
  const { service, files } = scene(t, '/vhostd.service', []);
  assert.equal(delegatedGroup(service, files), service);
  for (const wrong of ['yes', `${service}/none`, files.cgroup])
    assert.throws(() => delegatedGroup(wrong, files), /neither 'delegated' nor a directory's absolute path/u);
  writeFileSync(files.mountinfo, '');
  assert.throws(() => delegatedGroup('delegated', files), /no control groups of version 2/u);
});
