// `vhostd systemd` as it is typed: what it prints, and what it refuses.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Workspace } from '../cli.test.kit.js';

const COMMAND = fileURLToPath(new URL('../../bin/vhostd.js', import.meta.url));
let workspace: Workspace;
before(() => {
  workspace = new Workspace();
  workspace.write('a/server.cjs', '');
});
after(() => workspace.clear());

function systemd(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [COMMAND, 'systemd', ...args], { encoding: 'utf8' });
}

void test('prints a unit with the paths of this Node, this program and the conf', () => {
  const config = workspace.conf([{ siteId: 'a', port: 0 }]);
  const { status, stdout } = systemd('print', '--config', config);
  assert.equal(status, 0);
  assert.ok(
    stdout.includes(`\nExecStart=${process.execPath} ${COMMAND} run --config ${config} --run-dir \${`),
  );
  assert.doesNotMatch(stdout, /\[Socket\]/u);
});

void test('prints a socket unit with the addresses of the conf, and refuses one without', () => {
  const config = workspace.conf([{ siteId: 'a', port: 18_080 }]);
  assert.match(systemd('print', '--socket', '--config', config).stdout, /^ListenStream=.*18080$/mu);
  const none = systemd('print', '--socket', '--config', workspace.conf([{ siteId: 'a', port: 0 }]));
  assert.deepEqual([none.status, none.stdout], [1, '']);
  assert.match(none.stderr, /ERR_SYSTEMD_ADDRESS/u);
});

const isBooted = existsSync('/run/systemd/system');
void test('installs nothing where systemd does not run', { skip: isBooted && 'it does' }, () => {
  const config = workspace.conf([{ siteId: 'a', port: 0 }]);
  const { status, stderr } = systemd('install', '--user', '--config', config);
  assert.equal(status, 1);
  assert.match(stderr, /ERR_SYSTEMD_NOT_RUNNING/u);
});
