// `vhostd import` as a shell runs it, and what it makes run by vhostd.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { get, Workspace } from '../cli.test.kit.js';

const APP = `require('node:http').createServer((_, response) => response.end('the shop')).listen(process.env.PORT);`;

let workspace: Workspace;
beforeEach(() => {
  workspace = new Workspace();
  workspace.write('shop/server.js', APP);
});
afterEach(() => workspace.clear());

interface Conf {
  sites: { listen: { host?: string; port: number }[]; [field: string]: unknown }[];
}

void describe('vhostd import', () => {
  void it('makes a conf of PM2 and nginx that is checked and runs', async () => {
    workspace.write(
      'ecosystem.config.js',
      `module.exports = { apps: [{ name: 'shop', cwd: __dirname + '/shop', script: 'server.js', env: { PORT: 39211 }, listen_timeout: 3000 }] };`,
    );
    workspace.write('nginx.conf', 'http { include sites/*.conf; }');
    workspace.write(
      'sites/shop.conf',
      'server { listen 127.0.0.1:80; server_name shop.test; location / { proxy_pass http://127.0.0.1:39211; } }',
    );
    const made = await workspace.runAnywhere(
      'import',
      'ecosystem.config.js',
      'nginx.conf',
      '--output',
      'vhostd.config.json',
    );
    assert.equal(made.code, 0, made.stderr);
    assert.equal(made.stdout, '');
    assert.match(made.stderr, /^shop, of ecosystem\.config\.js\n {2}taken {2}script: path, workerFile\n/);
    assert.match(made.stderr, /\n {2}left {3}listen_timeout\n {11}bootTimeout .*\n/);
    assert.match(made.stderr, /\n {2}server shop\.test, line 1 of nginx\.conf\n/);
    assert.match(made.stderr, /\n1 site, 1 to look at\nnext: vhostd check vhostd\.config\.json\n$/);
    const file = path.join(workspace.directory, 'vhostd.config.json');
    const conf = JSON.parse(readFileSync(file, 'utf8')) as Conf;
    const [entry] = conf.sites[0]?.listen ?? [];
    assert.deepEqual(entry, { host: 'shop.test', port: 80, ipaddress: '127.0.0.1' });
    const again = await workspace.runAnywhere(
      'import',
      'ecosystem.config.js',
      '--output',
      'vhostd.config.json',
    );
    assert.equal(again.code, 1);
    assert.match(again.stderr, /is not written: it is there already \(ERR_IMPORT_OUTPUT\)/);
    // The port of the test's own; all else is as it was made.
    workspace.write('vhostd.config.json', JSON.stringify(conf).replace('"port":80', '"port":0'));
    const checked = await workspace.run('check');
    assert.equal(checked.code, 0, checked.stdout);
    await workspace.daemon('--log-level', 'silent');
    const { listeners } = JSON.parse((await workspace.run('status', '--json')).stdout) as {
      listeners: { port: number }[];
    };
    assert.equal(await get(listeners[0]?.port ?? 0, 'shop.test'), 'the shop');
  });

  void it('says where a file is wrong, and what a misspelt field may be', async () => {
    for (const [name, content, says] of [
      ['a.json', '{ "apps": [\n{ "name": "x" "script": "a.js" }] }', /a\.json:2: .*\(ERR_IMPORT_SYNTAX\)/],
      ['b.cjs', 'module.exports = {\n\n apps: [,,] ] }', /b\.cjs:3: .*\(ERR_IMPORT_SYNTAX\)/],
      [
        'c.json',
        '{ "app": [{ "script": "a.js" }] }',
        /c\.json has no app of PM2: did you mean apps by app\?/,
      ],
      [
        'd.json',
        '{ "apps": [{ "name": "x", "scirpt": "a.js" }] }',
        /d\.json has an app without a script, x: did you mean script by scirpt\? \(ERR_IMPORT_EMPTY\)/,
      ],
      [
        'e.json',
        '{ "apps": [{ "script": "shop/server.js", "instnaces": 2 }] }',
        /left {3}instnaces\n +did you mean instances\? correct it, and import anew\n/,
      ],
      [
        'f.conf',
        'server {\n listen 80\n server_name a.test;\n}',
        /f\.conf:2: ';' is missing behind 'listen 80'/,
      ],
    ] as const) {
      workspace.write(name, content);
      const { stderr } = await workspace.runAnywhere('import', name);
      assert.match(stderr, says, name);
    }
  });

  void it('finds the app behind a port of nginx where it runs', async () => {
    const child = spawn(process.execPath, ['server.js'], {
      cwd: path.join(workspace.directory, 'shop'),
      env: { ...process.env, PORT: '0' },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    try {
      workspace.write(
        'shop/server.js',
        APP.replace(
          'process.env.PORT)',
          'process.env.PORT, function () { console.log(this.address().port) })',
        ),
      );
      const [port] = (await once(child.stdout, 'data')) as [Buffer];
      workspace.write(
        'n.conf',
        `server { server_name a.test; location / { proxy_pass http://127.0.0.1:${String(port).trim()}; } }`,
      );
      const { stdout } = await workspace.runAnywhere('import', 'n.conf', '--json');
      const { conf } = JSON.parse(stdout) as { conf: Conf };
      assert.equal(conf.sites[0]?.['workerFile'], path.join(workspace.directory, 'shop/server.js'));
    } finally {
      child.kill();
    }
  });

  void it('reads JSON with comments, YAML where a library is there, and says what it cannot read', async () => {
    workspace.write('e.json', '{ /* all of them */ apps: [{ script: "shop/server.js" }] }');
    assert.match((await workspace.runAnywhere('import', 'e.json')).stdout, /"siteId": "server"/);
    workspace.write('p.json', '[{ script: process.env.NOT_SET || "shop/server.js", name: "p" }]');
    assert.match((await workspace.runAnywhere('import', 'p.json')).stdout, /"siteId": "p"/);
    workspace.write('e.yaml', 'apps:\n  - script: shop/server.js\n    name: y\n');
    const without = await workspace.runAnywhere('import', 'e.yaml');
    assert.match(
      without.stderr,
      /no YAML library is installed; type: npx -y js-yaml .* \(ERR_IMPORT_UNREADABLE\)/,
    );
    workspace.write(
      'node_modules/js-yaml/index.js',
      `exports.load = (text) => ({ apps: [{ script: 'a.js', name: text.slice(0, 4) }] })`,
    );
    assert.match((await workspace.runAnywhere('import', 'e.yaml')).stdout, /"siteId": "apps"/);
    const takes = '  vhostd import FILE takes .*\n';
    for (const [name, content, code, next = ''] of [
      ['absent.conf', undefined, 'ERR_IMPORT_UNREADABLE', takes],
      ['a.conf', 'server {', 'ERR_IMPORT_SYNTAX'],
      ['b.conf', 'user www;', 'ERR_IMPORT_EMPTY'],
      ['loop.conf', 'include loop.conf;', 'ERR_IMPORT_SYNTAX'],
      ['c.json', '{ "apps": [] }', 'ERR_IMPORT_EMPTY'],
      ['empty.json', '', 'ERR_IMPORT_EMPTY'],
      ['static.json', '{ "static": [{ "path": ".", "port": 8081 }] }', 'ERR_IMPORT_EMPTY'],
      ['d.json', '{ nothing', 'ERR_IMPORT_SYNTAX'],
      ['e.cjs', 'throw new Error("it is broken")', 'ERR_IMPORT_SYNTAX'],
    ] as const) {
      if (content !== undefined) workspace.write(name, content);
      const { code: exitCode, stdout, stderr } = await workspace.runAnywhere('import', name);
      assert.deepEqual([exitCode, stdout], [1, ''], name);
      assert.match(stderr, new RegExp(`^vhostd: .*${name}.*\\(${code}\\)\\n${next}$`), name);
    }
  });
});
