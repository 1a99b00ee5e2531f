// Variables and secrets of a conf, as a shell runs the commands.
import assert from 'node:assert/strict';
import { afterEach, beforeEach, it } from 'node:test';
import { get, Workspace } from '../cli.test.kit.js';

let workspace: Workspace;
beforeEach(() => {
  workspace = new Workspace();
});
afterEach(() => workspace.clear());

void it('a reload takes up what the files with variables say by then; one that is gone fails it', async () => {
  workspace.write(
    'a/server.cjs',
    `require('node:http').createServer((_, r) => r.end(process.env.A + ' ' + process.env.S)).listen(80)`,
  );
  workspace.write('a/.env', 'A=one # the first\n');
  workspace.write('secret', 'hunter2\n');
  workspace.write(
    'vhostd.config.json',
    `{
      // Comments are allowed.
      "log": { "level": "silent" },
      "sites": [{
        "path": "a", "workerFile": "server.cjs", "cpuLen": 1, "envFile": ".env",
        "workerOptions": { "env": { "S": { "file": "../secret" } } },
        "listen": [{ "port": 0, "ipaddress": "127.0.0.1" }],
      }],
    }`,
  );
  await workspace.daemon('--log-level', 'silent');
  const { listeners } = JSON.parse((await workspace.run('status', '--json')).stdout) as {
    listeners: { port: number }[];
  };
  const port = listeners[0]?.port ?? 0;
  assert.equal(await get(port, 'a.test'), 'one hunter2');
  workspace.write('a/.env', 'A=two\n');
  assert.equal((await workspace.run('reload', 'a')).stdout, 'a: generation 2\n');
  assert.equal(await get(port, 'a.test'), 'two hunter2');
  workspace.remove('secret');
  const failed = await workspace.run('reload', 'a');
  assert.equal(failed.code, 1);
  assert.match(
    failed.stdout,
    /^a: failed: site a: env\.S cannot be read from .*: there is no such file \(ERR_SITE_ENV\)\n$/,
  );
  assert.equal(await get(port, 'a.test'), 'two hunter2');
  const { stdout } = await workspace.run('status', 'a', '--json');
  assert.ok(!stdout.includes('hunter2') && stdout.includes('envFrom'), stdout);
});
