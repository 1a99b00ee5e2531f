// Sites that no conf names: `vhostd start APP`, `run APP`, `add` and `remove`, as a shell runs them.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, readFileSync, realpathSync, statSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { get, Workspace } from '../cli.test.kit.js';

const SERVER = `require('node:http')
  .createServer((_, r) => r.end([process.env.NAME, ...process.argv.slice(2)].join(' '))).listen(80)`;

let workspace: Workspace;
beforeEach(() => {
  workspace = new Workspace();
  for (const name of ['a', 'b', 'c']) workspace.write(`${name}/index.js`, SERVER);
});
afterEach(async () => {
  // One in the background is nobody's child.
  await workspace.run('stop', '--now');
  await workspace.clear();
});

interface Added {
  siteId: string;
  added: boolean;
  lasts: boolean;
  hosts: string[];
  listening: { port: number }[];
}

void describe('vhostd start APP', () => {
  void it('runs an app in the background, comes back with its address, and has it again after a stop', async () => {
    const args = ['start', './a', '--host', 'a.test', '--port', '0', '-n', '1', '--env', 'NAME=one', 'B=2'];
    const first = await workspace.run(...args, '--', 'x', '-y');
    assert.equal(first.stderr, '');
    const [, pid, log, port] =
      /^vhostd runs in the background, process (\d+)\n {2}its log: (\S+)\na: added\n {2}http:\/\/a\.test:(\d+)\/\n$/.exec(
        first.stdout,
      ) ?? assert.fail(first.stdout);
    assert.equal(await get(Number(port), 'a.test'), 'one x -y');
    assert.match(
      readFileSync(log ?? '', 'utf8'),
      new RegExp(`"pid":${pid},"name":"daemon","event":"started"`),
    );
    assert.equal((await workspace.run('start', './b', '--port', '0', '--json')).code, 0);
    assert.equal((await workspace.run('stop')).stdout, 'vhostd stopped\n');
    const again = await workspace.run(...args, '--', 'x', '-y');
    assert.match(again.stdout, /process \d+\n.*\na: is there\n {2}http:\/\/a\.test:\d+\/\n$/);
    assert.deepEqual(await siteIds(), ['a', 'b']);
  });

  void it('alone, where there is no conf, brings back what was added', async () => {
    const none = await workspace.run('start');
    assert.match(none.stderr, /ERR_CONF_NOT_FOUND/);
    for (const name of ['./a', './b'])
      assert.equal(
        (await workspace.run('start', name, '--port', '0', '--host', `${name.slice(2)}.test`)).code,
        0,
      );
    await workspace.run('stop');
    const again = await workspace.run('start');
    assert.match(again.stdout, /^vhostd runs in .*\n.*\n {2}a {2}http:\/\/a\.test:\d+\/\n {2}b {2}http/);
    assert.deepEqual([again.code, await siteIds()], [0, ['a', 'b']]);
    await workspace.run('stop');
    // Beside a conf as well, where that is said.
    const listen = '"listen": [{ "host": "c.test", "port": 0 }]';
    workspace.write('vhostd.config.json', `{ "sites": [{ "path": "c", ${listen} }] }`);
    assert.equal((await workspace.run('start', '--no-config')).code, 0);
    assert.deepEqual(await siteIds(), ['a', 'b']);
    // A conf that ran before is told wherever there is none.
    await workspace.run('stop');
    assert.equal((await workspace.run('start')).code, 0);
    await workspace.run('stop');
    const elsewhere = await workspace.startIn(path.join(workspace.directory, 'a'), 'start').ended;
    assert.match(
      elsewhere.stdout,
      /\nthese were added; the conf that ran before is \S+\/vhostd\.config\.json: vhostd stop/,
    );
    const removed = await workspace.run('remove', 'all', '--logs');
    assert.match(removed.stdout, /^a: removed, with its logs\nb: removed, with its logs\n$/);
    const log = path.join(path.dirname(stateFile()), 'log', 'a.log');
    assert.equal(statSync(log, { throwIfNoEntry: false }), undefined);
    await workspace.run('stop');
    const refused = await workspace.startIn(path.join(workspace.directory, 'a'), 'start').ended;
    assert.match(
      refused.stderr,
      /\(ERR_CONF_NOT_FOUND\)\n {2}vhostd init .*:\n {2}vhostd start \S+\/vhostd\.config\.json\n$/,
    );
  });

  void it('runs a file where it was typed, a directory in itself, and either in --cwd', async () => {
    const here = realpathSync(workspace.directory);
    const code = `require('node:http').createServer((_, r) => r.end(process.cwd())).listen(80)`;
    workspace.write('apps/one/server.js', code);
    workspace.write('apps/two/index.js', code);
    workspace.write('apps/four/package.json', '{ "scripts": { "start": "node main.js" } }');
    workspace.write('apps/four/main.js', code);
    for (const [index, [args, cwd]] of (
      [
        [['apps/one/server.js'], ''],
        [['apps/two'], 'apps/two'],
        [['apps/one/server.js', '--name', 'three', '--cwd', 'apps'], 'apps'],
        [['npm', '--cwd', 'apps/four', '--', 'start'], 'apps/four'],
      ] as const
    ).entries()) {
      const end = args.indexOf('--' as never);
      const flags = ['--port', '0', '--host', `${index}.test`, '-n', '1', '--json'];
      const outcome = await workspace.run(
        'start',
        ...args.toSpliced(end === -1 ? args.length : end, 0, ...(flags as never[])),
      );
      assert.equal(outcome.code, 0, outcome.stderr + outcome.stdout);
      const { siteId, listening } = JSON.parse(outcome.stdout) as Added;
      assert.equal(await get(listening[0]?.port ?? 0, `${index}.test`), path.join(here, cwd));
      const shown = await workspace.run('status', siteId);
      assert.match(
        shown.stdout,
        new RegExp(`^runs +\\S.*${cwd === 'apps/two' ? '' : `, in ${path.join(here, cwd)}`}$`, 'm'),
      );
    }
    const alone = await workspace.run('start', 'npm');
    assert.match(
      alone.stderr,
      /say which script of package\.json: vhostd start npm -- start \(ERR_SITE_OPTION\)/,
    );
  });

  void it('says what is wrong with an app before anything is started', async () => {
    workspace.write('empty/main.cjs', '');
    for (const [args, code, message] of [
      [
        ['./empty'],
        1,
        /^vhostd: \.\/empty: the directory has neither a package\.json nor an index\.js; name its file, such as empty\/main\.cjs/,
      ],
      [['./gone'], 1, /^vhostd: \.\/gone: there is no such file or directory \(ERR_SITE_FILE\)\n {2}name/],
      [['./a', '--port', '99999'], 2, /It is no port from 0 to 65535\./],
      [['./a', '--env', 'NAME'], 2, /It is not NAME=value\./],
      [['nobody'], 3, /ERR_DAEMON_NOT_RUNNING/],
    ] as const) {
      const outcome = await workspace.run('start', ...args);
      assert.match(outcome.stderr, message);
      if (args[0] === './gone') assert.match((await workspace.run('add', './gone')).stderr, message);
      assert.equal(outcome.code, code);
    }
    assert.equal((await workspace.run('status')).code, 3);
  });

  void it('says who may tell more where a port is taken, or an app has ended', async () => {
    const taken = net.createServer().listen(0);
    await once(taken, 'listening');
    const { port } = taken.address() as net.AddressInfo;
    const outcome = await workspace.run('start', './a', '--port', String(port));
    taken.close();
    assert.equal(outcome.code, 1);
    assert.match(
      outcome.stdout,
      /\na: added, but it does not serve yet: cannot bind .* \(ERR_LISTEN_ADDRESS_IN_USE\)\n {2}node, pid \d+, has it; a gets it/,
    );
    workspace.write('ends.cjs', 'process.exit(1)');
    const ended = await workspace.run('add', './ends.cjs', '--name', 'ends', '--port', '0', '-n', '1');
    assert.match(
      ended.stdout,
      /\(ERR_WORKER_EXITED\)\n {2}vhostd logs ends --err shows all that it printed\n$/,
    );
  });

  void it('has what is too much in the log of the daemon in the background in files that are kept', async () => {
    const log = path.join(path.dirname(stateFile()), 'background', 'vhostd.err.log');
    mkdirSync(path.dirname(log), { recursive: true, mode: 0o700 });
    writeFileSync(log, `${'x'.repeat(99)}\n`.repeat(110_000), { mode: 0o600 });
    assert.equal((await workspace.run('start', './a', '--port', '0')).code, 0);
    assert.ok(statSync(`${log}.1`).size >= 11_000_000);
    assert.match(readFileSync(log, 'utf8') + readFileSync(`${log}.1`, 'utf8'), /"event":"started"/);
    assert.ok(statSync(log).size < 1_000_000);
  });

  void it('says why the daemon in the background did not come up', async () => {
    workspace.write('run/notes.txt', '');
    const { code, stderr } = await workspace.run('start', './a', '--port', '0');
    assert.equal(code, 1);
    assert.match(stderr, /^vhostd: .*ended.*\n?.*run is not safe: .*notes\.txt.*\(ERR_RUN_DIR_UNSAFE\)/s);
  });
});

void describe('vhostd start with a conf', () => {
  const sites = (...names: string[]): void => {
    const listen = (name: string): object[] => [{ host: `${name}.test`, port: 0, ipaddress: '127.0.0.1' }];
    const conf = { sites: names.map((name) => ({ path: name, cpuLen: 1, listen: listen(name) })) };
    workspace.write('vhostd.config.json', JSON.stringify(conf));
  };

  void it('runs that of the working directory in the background, and comes back when its sites serve', async () => {
    sites('a', 'b');
    const { code, stdout, stderr } = await workspace.run('start');
    assert.equal(code, 0, stderr);
    const [, port] =
      /^vhostd runs in the background, process \d+\n {2}its log: \S+\n {2}a +http:\/\/a\.test:(\d+)\/\n {2}b +http:\S+\n$/.exec(
        stdout,
      ) ?? assert.fail(stdout);
    assert.equal(await get(Number(port), 'a.test'), '');
    const again = await workspace.run('start', './vhostd.config.json');
    assert.equal(again.code, 101);
    assert.match(
      again.stderr,
      /a daemon runs already, of .*vhostd\.config\.json; vhostd reload.*ERR_DAEMON_RUNNING/,
    );
  });

  void it('tells which sites do not serve, by its exit code too', async () => {
    workspace.write('broken/index.js', 'throw new Error("no database")');
    sites('a', 'broken');
    const { code, stdout } = await workspace.run('start', '--config', 'vhostd.config.json');
    assert.equal(code, 1);
    assert.match(stdout, /^broken: does not serve: .*no database/m);
    assert.match(stdout, /^ {2}a +http:\/\/a\.test/m);
  });

  void it('starts nothing of a conf that is refused, and of a list of apps for PM2', async () => {
    workspace.write('vhostd.config.json', '{"sites": [{"pth": "a"}]}');
    const refused = await workspace.run('start');
    assert.equal(refused.code, 100);
    assert.match(refused.stderr, /sites\[0\]\.pth: unknown key[^]*\n {2}correct it; vhostd check/);
    workspace.write('ecosystem.config.js', '');
    const list = await workspace.run('start', 'ecosystem.config.js', '--port', '0');
    assert.match(
      list.stderr,
      /a list of apps for PM2, no app \(ERR_CONF_PM2\)\n {2}vhostd import FILE --output/,
    );
    const missing = await workspace.run('start', 'gone.js');
    assert.match(missing.stderr, /^vhostd: gone\.js: there is no such file or directory \(ERR_SITE_FILE\)/);
    workspace.write('pm2.json', '{"apps": [{"script": "a"}], "deploy": {}}');
    const checked = await workspace.run('check', 'pm2.json');
    assert.match(checked.stdout, /pm2\.json is a list of apps for PM2[^]*\n {2}vhostd import FILE --output/);
    assert.equal(checked.code, 100);
    const both = await workspace.run('start', './a', '--config', 'vhostd.config.json');
    assert.match(both.stderr, /give either a conf, or an app.*ERR_SITE_OPTION/);
    assert.equal((await workspace.run('status')).code, 3);
  });
});

void it('vhostd run APP runs an app in the foreground, and keeps nothing of it', async () => {
  const daemon = workspace.start('run', './a', '--port', '0', '--env', 'NAME=fore', '--log-level', 'silent');
  await daemon.says('vhostd ready\n');
  assert.equal(await get(await workspace.port(), 'any.test'), 'fore');
  assert.equal((await workspace.run('reload')).stdout, 'a: generation 2\n');
  daemon.process.kill('SIGTERM');
  assert.equal((await daemon.ended).code, 0);
  for (const args of [['run', './a', '--config', 'x.json'], ['run', '--port', '1'], ['add']]) {
    assert.match((await workspace.run(...args)).stderr, /\(ERR_SITE_OPTION\)/, args.join(' '));
  }
});

void describe('a site that was added to a daemon with a conf', () => {
  beforeEach(() => {
    workspace.write('a/server.cjs', SERVER);
    workspace.conf([{ siteId: 'a', port: 0 }]);
  });

  void it('outlasts reloads, the master and the daemon, with what is wanted of it, until it is removed', async () => {
    const daemon = await workspace.daemon('--log-level', 'silent');
    workspace.write(
      'more/site.json',
      '{ // another one\n "siteId": "b", "path": "../b", "listen": [{ "port": 0, "host": "b.test", }] }',
    );
    const added = JSON.parse(
      (await workspace.run('add', '--file', 'more/site.json', '--json')).stdout,
    ) as Added;
    const { port } = added.listening[0] ?? assert.fail();
    assert.deepEqual(
      { ...added, listening: 1 },
      { siteId: 'b', added: true, lasts: true, hosts: ['b.test'], listening: 1 },
    );
    assert.equal(await get(port, 'b.test'), '');
    assert.equal((await workspace.run('scale', 'b', '1')).code, 0);
    assert.equal((await workspace.run('reload')).stdout, 'a: generation 2\nb: generation 2\n');
    process.kill((await status()).master.pid, 'SIGKILL');
    while ((await workspace.run('status', 'b')).code !== 0);
    assert.match((await workspace.run('reload')).stdout, /a: generation \d\nb: generation \d\n/);
    daemon.process.kill('SIGTERM');
    await daemon.ended;
    const next = await workspace.daemon('--log-level', 'silent');
    assert.deepEqual(await siteIds(), ['a', 'b']);
    assert.equal(statSync(stateFile()).mode & 0o777, 0o600);
    assert.match(
      (await workspace.run('remove', 'b')).stdout,
      /^b: removed, its log stays: \S+\/log\/b\.log\n$/,
    );
    assert.deepEqual(await siteIds(), ['a']);
    next.process.kill('SIGTERM');
    await next.ended;
    await workspace.daemon('--log-level', 'silent');
    assert.deepEqual(await siteIds(), ['a']);
  });

  void it('gives way to the conf, is kept, and is there again when the conf lets it', async () => {
    await workspace.daemon('--log-level', 'silent');
    assert.equal((await workspace.run('add', './b', '--port', '0')).code, 0);
    assert.deepEqual(await siteIds(), ['a', 'b']);
    workspace.write('b/server.cjs', SERVER);
    workspace.conf([
      { siteId: 'a', port: 0 },
      { siteId: 'b', port: 0 },
    ]);
    assert.equal((await workspace.run('reload')).code, 0);
    const conf = JSON.parse((await workspace.run('status', 'b', '--json')).stdout) as { hosts: string[] };
    assert.deepEqual(conf.hosts, ['b.test']);
    // Taking the added one away leaves the conf's alone.
    const kept = readFileSync(stateFile(), 'utf8');
    assert.match(kept, /"b"/);
    workspace.conf([{ siteId: 'a', port: 0 }]);
    assert.equal((await workspace.run('reload')).code, 0);
    assert.deepEqual(((await status()).sites.find(({ siteId }) => siteId === 'b') ?? assert.fail()).hosts, [
      '*',
    ]);
    assert.equal(readFileSync(stateFile(), 'utf8'), kept);
  });

  void it('is refused where a site has its name or its host, and one of the conf is not removed', async () => {
    await workspace.daemon('--log-level', 'silent');
    assert.equal((await workspace.run('add', './b', '--port', '0')).code, 0);
    for (const [args, code, error] of [
      [['add', './c', '--name', 'a'], 1, 'ERR_SITE_EXISTS'],
      [['add', './b', '--port', '0', '-n', '1'], 1, 'ERR_SITE_EXISTS'],
      [['add', './c', '--name', 'no space'], 100, 'ERR_CONF_INVALID'],
      [['add', '--file', 'a/server.cjs'], 100, 'ERR_CONF_SYNTAX'],
      [['remove', 'a'], 1, 'ERR_SITE_IN_CONF'],
      [['remove', 'c'], 1, 'ERR_SITE_UNKNOWN'],
    ] as const) {
      const outcome = await workspace.run(...args);
      assert.match(outcome.stderr, new RegExp(`\\(${error}\\)`), args.join(' '));
      assert.equal(outcome.code, code, args.join(' '));
    }
    assert.deepEqual(await siteIds(), ['a', 'b']);
  });
});

interface Status {
  master: { pid: number };
  listeners: { port: number }[];
  sites: { siteId: string; hosts: string[] }[];
}

async function status(): Promise<Status> {
  return JSON.parse((await workspace.run('status', '--json')).stdout) as Status;
}

async function siteIds(): Promise<string[]> {
  return (await status()).sites.map(({ siteId }) => siteId);
}

function stateFile(): string {
  return path.join(workspace.directory, 'vhostd', encodeURIComponent(workspace.runDir), 'added-sites.json');
}
