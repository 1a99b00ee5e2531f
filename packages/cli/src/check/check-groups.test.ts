import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import type { MasterConf } from '@vhostd/master';
import { checkGroups } from './check-groups.js';

void test('limits that the kernel cannot hold are told once, for all sites', (t) => {
  const directory = mkdtempSync(path.join(tmpdir(), 'vhostd-test-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const mountinfo = path.join(directory, 'mountinfo');
  const conf = {
    sites: [
      { siteId: 'a', limits: { memoryHigh: 1, cpu: 1 } },
      { siteId: 'b', limits: { memory: 1 } },
      { siteId: 'c' },
    ],
  } as unknown as MasterConf;
  const messages = (): string[] => checkGroups(conf, mountinfo).map(({ message }) => message);
  writeFileSync(mountinfo, '31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n');
  assert.deepEqual(messages(), [
    'this kernel has no control groups of version 2: a, b would be served without',
  ]);
  mkdirSync(path.join(directory, 'unified'));
  writeFileSync(mountinfo, `41 31 0:38 / ${directory}/unified rw,relatime - cgroup2 cgroup2 rw\n`);
  writeFileSync(path.join(directory, 'unified/cgroup.controllers'), 'cpu pids\n');
  assert.deepEqual(messages(), [
    'this kernel has no controller of version 2 for memory: a, b would be served without',
  ]);
  writeFileSync(path.join(directory, 'unified/cgroup.controllers'), 'cpu memory pids\n');
  assert.deepEqual(messages(), []);
  assert.deepEqual(checkGroups({ sites: [] } as unknown as MasterConf, '/nowhere'), []);
});
