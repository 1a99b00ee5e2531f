// `vhostd systemd` as it is typed: what it prints, and what it refuses.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
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

void test('of a conf that is refused there is no unit, and of a daemon without a conf one that names none', () => {
  const config = workspace.write('bad.json', '{"sites": [{"pth": "a"}]}');
  const refused = systemd('print', '--config', config);
  assert.deepEqual([refused.status, refused.stdout], [100, '']);
  assert.match(refused.stderr, /sites\[0\]\.pth: unknown key[^]*ERR_CONF_INVALID/u);
  const nameless = spawnSync(process.execPath, [COMMAND, 'systemd', 'install', '--user'], {
    cwd: path.join(workspace.directory, 'a'),
    encoding: 'utf8',
  });
  assert.match(
    nameless.stderr,
    /\(ERR_CONF_NOT_FOUND\)\n {2}vhostd init .*:\n {2}vhostd systemd install --user --no-config\n$/u,
  );
  const none = systemd('print', '--no-config', '--json');
  const { units } = JSON.parse(none.stdout) as { units: Record<string, string> };
  assert.match(units['vhostd.service'] ?? '', /^ExecStart=\S+ \S+ run --no-config --run-dir /mu);
});

void test('files of the conf that are not there are told, and the unit is printed all the same', () => {
  const conf = {
    sites: [{ path: 'a', workerFile: 'server.cjs', envFile: 'gone.env', listen: [{ port: 18_081 }] }],
  };
  const { status, stdout, stderr } = systemd(
    'print',
    '--config',
    workspace.write('gone.json', JSON.stringify(conf)),
  );
  assert.equal(status, 0);
  assert.match(stdout, /^ExecStart=/mu);
  assert.match(stderr, /^vhostd: warning: .*gone/mu);
});

const isBooted = existsSync('/run/systemd/system');
void test('installs nothing where systemd does not run', { skip: isBooted && 'it does' }, () => {
  const config = workspace.conf([{ siteId: 'a', port: 0 }]);
  const { status, stderr } = systemd('install', '--user', '--config', config);
  assert.equal(status, 1);
  assert.match(stderr, /ERR_SYSTEMD_NOT_RUNNING/u);
});
