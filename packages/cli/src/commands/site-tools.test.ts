// `vhostd init`, `env`, `signal`, `flush` and `reopen`, as a shell runs them.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, renameSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { get, Workspace } from '../cli.test.kit.js';

let workspace: Workspace;
beforeEach(() => {
  workspace = new Workspace();
});
afterEach(() => workspace.clear());

void it('vhostd init writes a conf that vhostd check finds right, once', async () => {
  workspace.write('package.json', '{"name":"shop","main":"server.cjs"}');
  workspace.write('server.cjs', '');
  const file = path.join(workspace.directory, 'vhostd.config.json');
  const first = await workspace.runAnywhere('init', '--port', '0');
  assert.deepEqual(first, {
    code: 0,
    stdout: `${file}: written\n  main of package.json\nnext: vhostd check, then vhostd run\n`,
    stderr: '',
  });
  assert.deepEqual((JSON.parse(readFileSync(file, 'utf8')) as { sites: unknown }).sites, [
    { siteId: 'shop', path: '.', workerFile: 'server.cjs', listen: [{ host: 'shop.localhost', port: 0 }] },
  ]);
  assert.equal((await workspace.run('check')).code, 0);
  const before = readFileSync(file, 'utf8');
  const again = await workspace.runAnywhere('init', '--host', 'other.localhost');
  assert.equal(again.code, 100);
  assert.match(
    again.stderr,
    /is there already: it is left as it is \(ERR_CONF_EXISTS\)\n {2}vhostd check looks/,
  );
  assert.equal(readFileSync(file, 'utf8'), before);
  workspace.remove('vhostd.config.json');
  const { stdout } = await workspace.runAnywhere('init', '--json');
  assert.deepEqual(JSON.parse(stdout), { file, notes: ['main of package.json'] });
  workspace.write('b/index.js', '');
  const next = 'next: vhostd check b/vhostd.config.json, then vhostd run b/vhostd.config.json\n';
  assert.ok((await workspace.runAnywhere('init', 'b')).stdout.endsWith(next));
});

void describe('of a site that runs', () => {
  beforeEach(async () => {
    workspace.write(
      'a/server.cjs',
      `let signals = 0;
      process.on('SIGUSR2', () => console.log('signal ' + ++signals));
      require('node:http').createServer((_, r) => { console.log('asked'); r.end(String(signals)); }).listen(80);`,
    );
    workspace.write('token', 'hunter2\n');
    workspace.write(
      'vhostd.config.json',
      JSON.stringify({
        log: { level: 'silent' },
        sites: [
          {
            path: 'a',
            workerFile: 'server.cjs',
            cpuLen: 1,
            workerOptions: { env: { TOKEN: { file: '../token' } } },
            listen: [{ port: 0, ipaddress: '127.0.0.1' }],
          },
        ],
      }),
    );
    await workspace.daemon('--log-level', 'silent');
  });

  void it('vhostd env shows the variables, and values only where they are asked for', async () => {
    const names = await workspace.run('env', 'a');
    assert.match(names.stdout, /^env +TOKEN$/m);
    assert.match(names.stdout, /^vhostd +PWD$/m);
    assert.match(names.stdout, /^inherited +PATH$/m);
    assert.ok(!names.stdout.includes('hunter2'));
    assert.match((await workspace.run('env', 'a', '--values')).stdout, /^env +TOKEN=hunter2$/m);
    const json = JSON.parse((await workspace.run('env', 'a', '--json')).stdout) as { variables: object[] };
    assert.ok(json.variables.every((variable) => !('value' in variable)));
    assert.equal((await workspace.run('env', 'b')).code, 1);
  });

  void it('vhostd signal reaches each worker; a signal that there is not is refused', async () => {
    const sent = await workspace.run('signal', 'a', 'usr2');
    assert.deepEqual(sent, { code: 0, stdout: 'a: SIGUSR2 sent to 1 worker\n', stderr: '' });
    while ((await get(await workspace.port(), 'a.test')) !== '1');
    const wrong = await workspace.run('signal', 'a', 'SIGFOO');
    assert.equal(wrong.code, 2);
    assert.match(wrong.stderr, /It is not one of SIGHUP, /);
  });

  void it('vhostd flush empties its log, vhostd reopen goes on in a new one', async () => {
    const log = path.join(
      workspace.directory,
      'vhostd',
      encodeURIComponent(workspace.runDir),
      'log',
      'a.log',
    );
    const port = await workspace.port();
    await get(port, 'a.test');
    while (!existsSync(log) || !readFileSync(log, 'utf8').includes('asked'));
    workspace.write(path.relative(workspace.directory, `${log}.1`), 'old\n');
    assert.deepEqual(await workspace.run('flush', 'a'), { code: 0, stdout: `${log}: emptied\n`, stderr: '' });
    assert.equal(readFileSync(log, 'utf8'), '');
    assert.equal(existsSync(`${log}.1`), false);
    await get(port, 'a.test');
    while (!readFileSync(log, 'utf8').includes('asked'));
    renameSync(log, `${log}.moved`);
    assert.equal((await workspace.run('reopen')).stdout, 'logs reopened\n');
    await get(port, 'a.test');
    while (!existsSync(log) || !readFileSync(log, 'utf8').includes('asked'));
    assert.equal((await workspace.run('flush', 'b')).code, 1);
  });
});
