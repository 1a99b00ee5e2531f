// `vhostd check` as a shell runs it.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { Workspace } from '../cli.test.kit.js';

let workspace: Workspace;
beforeEach(() => {
  workspace = new Workspace();
});
afterEach(() => workspace.clear());

void describe('vhostd check', () => {
  void it('finds nothing in a conf that runs, by its default name, and leaves nothing behind', async () => {
    workspace.write('a/server.cjs', 'throw new Error("it is not run")');
    const file = workspace.conf([{ siteId: 'a', port: 0 }]);
    const before = readdirSync(workspace.directory);
    const { code, stdout, stderr } = await workspace.run('check');
    assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: `${file}: ok\n`, stderr: '' });
    assert.deepEqual(readdirSync(workspace.directory), before);
    assert.equal(existsSync(workspace.runDir), false);
    assert.equal(JSON.parse((await workspace.run('check', '--json', file)).stdout).ok, true);
  });

  void it('takes a directory for the file that Node runs of it, and says where there is none', async () => {
    workspace.write('shop/index.js', '');
    workspace.write('blog/package.json', '{"main": "lib/main.js"}');
    workspace.write('blog/lib/main.js', '');
    workspace.write('empty/readme', '');
    const conf = (...names: string[]): string =>
      workspace.write('vhostd.config.json', JSON.stringify({ sites: names.map((name) => ({ path: name })) }));
    conf('shop', 'blog');
    const { code, stdout } = await workspace.run('check');
    assert.equal(code, 0, stdout);
    conf('empty');
    assert.match((await workspace.run('check')).stdout, /empty: has no index\.js, and no package\.json/);
  });

  void it('takes npm for what its script runs, and says where vhostd cannot', async () => {
    workspace.write('app/package.json', '{ "scripts": { "start": "node a.js", "dev": "next dev" } }');
    workspace.write('app/a.js', '');
    const conf = (script: string): string =>
      JSON.stringify({
        sites: [{ path: 'app', workerFile: 'npm', workerArgs: script.split(' '), server: false }],
      });
    workspace.write('good.json', conf('start'));
    workspace.write('bad.json', conf('run dev'));
    assert.equal((await workspace.run('check', 'good.json')).code, 0);
    const bad = await workspace.run('check', 'bad.json');
    assert.equal(bad.code, 1);
    assert.match(bad.stdout, /error: app: 'npm run dev' cannot be run: .*"next dev"\n {2}name the file /);
  });

  void it('tells each fault of the machine with what to do, and who holds a port', async () => {
    const taken = net.createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as net.AddressInfo;
    const site = {
      path: '.',
      workerFile: 'gone.js',
      listen: [{ host: 'a.test', port, ipaddress: '127.0.0.1' }],
    };
    const other = {
      ...site,
      listen: [],
      envFile: '.env',
      workerOptions: { env: { TOKEN: { file: 'token' } } },
      logAll: 'vhostd.config.json/x.log',
    };
    const sites = [
      { siteId: 'a', ...site },
      { siteId: 'b', ...other },
    ];
    const metrics = { port, ipaddress: '127.0.0.1' };
    const file = workspace.write('vhostd.config.json', JSON.stringify({ sites, metrics }));
    const { code, stdout } = await workspace.run('check', file);
    taken.close();
    assert.equal(code, 1);
    for (const line of [
      `error: b: ${path.join(workspace.directory, '.env')}: there is no such file or directory\n`,
      `error: b: ${path.join(workspace.directory, 'token')}: there is no such file or directory\n`,
      `error: address 127.0.0.1:${port}: is held by node, pid ${process.pid}\n  stop that, or use another port`,
      `error: a: listens on port ${port}, which is that of metrics\n  use another port for one of the two\n`,
      `error: metrics, address 127.0.0.1:${port}: is held by node, pid ${process.pid}\n`,
      `error: a: ${path.join(workspace.directory, 'gone.js')}: there is no such file or directory\n  correct the path`,
      `error: b: log ${file}/x.log: ${file} is no directory\n`,
    ])
      assert.ok(stdout.includes(line), `${line}\nin\n${stdout}`);
    assert.ok(stdout.endsWith(`${file}: would not run as it is\n`));
  });

  void it('says which files logRotate does not bound where a site has a user of its own', async () => {
    workspace.write('a/index.js', '');
    const site = { path: 'a', user: 'nobody', logRotate: { keep: 2 }, listen: [{ host: 'a.test', port: 0 }] };
    const checked = async (more: object): Promise<string> => {
      workspace.write('vhostd.config.json', JSON.stringify({ sites: [{ ...site, ...more }] }));
      return (await workspace.run('check')).stdout;
    };
    assert.match(
      await checked({ logError: 'err.log', accessLog: 'access.log' }),
      /^warning: a: logRotate bounds only its default log, not \S+err\.log, \S+access\.log: the site has a user/m,
    );
    assert.doesNotMatch(await checked({}), /logRotate/);
  });

  void it('tells what is wrong with a conf, with exit code 100', async () => {
    const file = workspace.write('vhostd.config.json', '{"sites":[{"siteId":"a","path":".","prot":1}]}');
    const { code, stdout } = await workspace.run('check', '--json');
    assert.equal(code, 100);
    const told = JSON.parse(stdout) as { file: string; ok: boolean; findings: { message: string }[] };
    assert.deepEqual([told.file, told.ok, told.findings.length], [file, false, 1]);
    assert.match(told.findings[0]?.message ?? '', /sites\[0\]\.prot: unknown key/);
    workspace.write('vhostd.config.cjs', 'module.exports = {}');
    const several = await workspace.run('check');
    assert.match(
      several.stderr,
      /there are several conf files in .*: vhostd\.config\.json, vhostd\.config\.cjs;/,
    );
  });

  void it('does not complain of what the running daemon itself holds', async () => {
    workspace.write('a/server.cjs', `require('node:http').createServer((_, r) => r.end()).listen(80)`);
    workspace.conf([{ siteId: 'a', port: 0 }]);
    await workspace.daemon('--log-level', 'silent');
    const status = JSON.parse((await workspace.run('status', '--json')).stdout) as {
      listeners: { port: number }[];
    };
    workspace.conf([{ siteId: 'a', port: status.listeners[0]?.port ?? 0 }]);
    assert.equal((await workspace.run('check')).code, 0);
  });
});
