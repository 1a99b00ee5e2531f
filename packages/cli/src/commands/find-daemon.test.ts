// A conf and a daemon that nobody names, as a shell runs the commands.
import assert from 'node:assert/strict';
import path from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { Workspace } from '../cli.test.kit.js';

const SERVER = "require('node:http').createServer((_, response) => response.end('one')).listen(1);";

let workspace: Workspace;
beforeEach(() => {
  workspace = new Workspace();
  workspace.write('a/server.cjs', SERVER);
});
afterEach(() => workspace.clear());

const site = "{ siteId: 'a', path: 'a', workerFile: 'server.cjs', cpuLen: 1, listen: [{ port: 0 }] }";
const conf = `{ log: { level: 'silent' }, sites: [${site}] }`;

void describe('vhostd run without --config', () => {
  for (const [name, text] of [
    ['vhostd.config.js', `module.exports = ${conf};`],
    ['vhostd.config.mjs', `export default ${conf};`],
    ['vhostd.config.cjs', `module.exports = ${conf};`],
  ] as const) {
    void it(`takes ${name} of the working directory`, async () => {
      workspace.write(name, text);
      const daemon = workspace.start('run', '--log-level', 'silent');
      await daemon.says('vhostd ready\n');
    });
  }

  void it('says what it has looked for where there is none', async () => {
    const { code, stderr } = await workspace.run('run');
    assert.equal(code, 100);
    assert.match(stderr, /^vhostd: there is no vhostd\.config\.json, .* in .*\(ERR_CONF_NOT_FOUND\)\n/);
  });
});

void describe('a command without --run-dir', () => {
  void it('finds the only daemon of this user, and lists them where there are several', async () => {
    workspace.conf([{ siteId: 'a', port: 0 }]);
    const first = await workspace.daemon('--log-level', 'silent');
    const found = await workspace.runAnywhere('status', '--json');
    assert.equal(found.code, 0, found.stderr);
    assert.equal((JSON.parse(found.stdout) as { daemon: { pid: number } }).daemon.pid, first.process.pid);
    const other = path.join(workspace.directory, 'other');
    const second = workspace.start('run', '--run-dir', other, '--log-level', 'silent');
    await second.says('vhostd ready\n');
    for (const command of [['status'], ['logs'], ['stop']]) {
      assert.deepEqual(await workspace.runAnywhere(...command), {
        code: 2,
        stdout: '',
        stderr:
          `vhostd: 2 daemons of this user run:\n  ${other}  process ${second.process.pid}\n` +
          `  ${workspace.runDir}  process ${first.process.pid} (ERR_DAEMON_SEVERAL)\n` +
          `  of those that run, one is meant:\n  vhostd ${command.join(' ')} --run-dir ${other}\n` +
          `  vhostd ${command.join(' ')} --run-dir ${workspace.runDir}\n`,
      });
    }
    const elsewhere = await workspace.run('status', '--run-dir', path.join(workspace.directory, 'none'));
    assert.match(
      elsewhere.stderr,
      /\(ERR_DAEMON_NOT_RUNNING\)\n {2}of those that run, one is meant:\n {2}vhostd status --run/,
    );
    assert.equal((await workspace.run('stop')).code, 0);
    assert.equal((await workspace.runAnywhere('stop')).stdout, 'vhostd stopped\n');
    assert.equal((await second.ended).code, 0);
    assert.equal((await workspace.runAnywhere('status')).code, 3);
  });
});
