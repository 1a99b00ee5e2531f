// `vhostd doctor` as a shell runs it.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { Workspace } from '../cli.test.kit.js';

const SERVER = `require('node:http').createServer((_, response) => response.end()).listen(80)`;

let workspace: Workspace;
beforeEach(() => {
  workspace = new Workspace();
  workspace.write('a/server.cjs', SERVER);
  workspace.conf([{ siteId: 'a', port: 0 }]);
});
afterEach(() => workspace.clear());

void describe('vhostd doctor', () => {
  void it('finds nothing where all is well', async () => {
    const daemon = await workspace.daemon('--log-level', 'silent');
    // Workers of other daemons on this machine may just have lost their master.
    const isOurs = (subject: string): boolean => !subject.startsWith('worker ');
    const { code, stdout } = await workspace.run('doctor');
    assert.deepEqual(
      stdout.split('\n').filter((line) => /^(?:error|warning): (?!worker )/u.test(line)),
      [],
    );
    assert.ok(stdout.includes(`${workspace.runDir}: daemon ${daemon.process.pid} runs 1 site, `), stdout);
    assert.equal(code, 0);
    const told = JSON.parse((await workspace.run('doctor', '--json')).stdout) as {
      findings: { subject: string }[];
    };
    const findings = told.findings.filter(({ subject }) => isOurs(subject));
    assert.deepEqual(
      { ...told, findings },
      { runDir: workspace.runDir, running: true, ok: true, findings: [] },
    );
  });

  void it('finds a site that is down, one that the conf does not have, a strange file, a worker without a master', async () => {
    await workspace.daemon('--log-level', 'silent');
    workspace.write('a/server.cjs', `console.error('no database'); process.exit(1)`);
    await workspace.run('reload', 'a');
    workspace.write('b/server.cjs', SERVER);
    workspace.conf([{ siteId: 'b', port: 0 }]);
    workspace.write('run/notes.txt', 'of somebody else');
    const left = spawnSync('sh', ['-c', 'sleep 600 >/dev/null 2>&1 & echo $!'], {
      env: { ...process.env, VHOSTD_WORKER: JSON.stringify({ workerId: 'gone/7' }) },
      encoding: 'utf8',
    });
    const pid = Number(left.stdout);
    try {
      const { code, stdout } = await workspace.run('doctor');
      assert.equal(code, 1);
      for (const wanted of [
        `error: run directory ${workspace.runDir}: holds 'notes.txt', which is not vhostd's\n  move it away`,
        `warning: worker gone/7, process ${pid}: has no master any more\n  it ends with its connections`,
        'warning: site b: is in the conf, but not loaded\n  vhostd reload',
        'warning: site a: is loaded, but not in the conf\n',
        'no database',
      ]) {
        assert.ok(stdout.includes(wanted), `${wanted}\n--\n${stdout}`);
      }
    } finally {
      process.kill(pid);
    }
  });

  void it('compares with the conf of the daemon, wherever it is asked', async () => {
    await workspace.daemon('--log-level', 'silent');
    workspace.write(
      'other/vhostd.config.json',
      '{ "sites": [{ "siteId": "b", "path": "../a/server.cjs", "listen": [{ "port": 0 }] }] }',
    );
    const other = path.join(workspace.directory, 'other');
    const { stdout } = await workspace.startIn(other, 'doctor').ended;
    assert.ok(!stdout.includes('not in the conf'), stdout);
    const named = await workspace.startIn(other, 'doctor', 'vhostd.config.json').ended;
    assert.ok(named.stdout.includes('warning: site a: is loaded, but not in the conf\n'), named.stdout);
    const { stdout: shown } = await workspace.run('status');
    assert.ok(shown.includes(`conf     ${workspace.directory}/vhostd.config.json\n`), shown);
  });

  void it('says what daemons that were killed left, and leaves it', async () => {
    workspace.write('run/daemon.pid', '4194304\n1\n00000000-0000-0000-0000-000000000000\n');
    workspace.write('run/.c4194304', '');
    const before = readdirSync(workspace.runDir);
    const { code, stdout } = await workspace.run('doctor');
    assert.equal(code, 3, stdout);
    assert.match(
      stdout,
      /daemon\.pid names process 4194304, which has ended\n {2}nothing: the next vhostd run/,
    );
    assert.match(stdout, /'\.c4194304' was left by a process that was killed/);
    assert.match(stdout, /no daemon is running, \d+ to look at\n$/);
    assert.deepEqual(readdirSync(workspace.runDir), before);
  });

  void it('says that a conf is wrong, and that there is none of a name', async () => {
    workspace.write('bad.json', '{ "sites": [] }');
    const { code, stdout } = await workspace.run('doctor', 'bad.json');
    assert.equal(code, 1);
    assert.match(stdout, /^error: conf: .*bad\.json.*\n {2}vhostd check .*bad\.json/);
    assert.equal((await workspace.run('doctor', 'absent.json')).code, 100);
    assert.ok(!existsSync(path.join(workspace.directory, 'run')));
  });
});
