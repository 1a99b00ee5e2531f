import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { get, Workspace } from './cli.test.kit.js';
import { VERSION } from './version.js';

const SERVER = `require('node:http').createServer((_request, response) => response.end('one')).listen(80);`;

let workspace: Workspace;
beforeEach(() => {
  workspace = new Workspace();
});
afterEach(() => workspace.clear());

void describe('vhostd', () => {
  void it('tells its version and its help, which names every command and exit code', async () => {
    assert.deepEqual(await workspace.run('--version'), { code: 0, stdout: `${VERSION}\n`, stderr: '' });
    const { code, stdout } = await workspace.run('--help');
    assert.equal(code, 0);
    for (const word of [
      'run',
      'status',
      'reload',
      'pause',
      'resume',
      'maintenance',
      'stop',
      '100',
      '101',
      '102',
    ])
      assert.ok(stdout.includes(word));
  });

  void it('refuses what it does not understand, and suggests what was meant', async () => {
    const wrong: [string[], RegExp][] = [
      [['statsu'], /^vhostd: unknown command 'statsu'\n\(Did you mean status\?\)/],
      [['status', '--run-dir', ''], /^vhostd: --run-dir '' is invalid\. It is empty\./],
      [['status', '--jsno'], /^vhostd: unknown option '--jsno'\n\(Did you mean --json\?\)/],
      [['stop', '--log-level', 'loud'], /^vhostd: --log-level 'loud' is invalid/],
      [['pause'], /^vhostd: missing required argument 'site'/],
      [['maintenance', 'a', '--off', '--message', 'x'], /^vhostd: option '--off' cannot be used with/],
      [[], /^Usage: vhostd/],
      [['list'], /^vhostd: there is no command 'list'; what PM2 calls so is here: vhostd status\n/],
      [['describe', 'a'], /: vhostd status a\n/],
      [['delete', 'a'], /: vhostd remove a\n/],
      [['toString'], /^vhostd: unknown command 'toString'/],
    ];
    for (const [args, message] of wrong) {
      const { code, stdout, stderr } = await workspace.run(...args);
      assert.equal(code, 2, args.join(' '));
      assert.equal(stdout, '');
      assert.match(stderr, message);
    }
  });

  void it('says that no daemon is running, with exit code 3 and no stack', async () => {
    for (const command of [
      ['status'],
      ['reload'],
      ['pause', 'a'],
      ['resume', 'a'],
      ['maintenance', 'a'],
      ['stop'],
    ]) {
      const { code, stdout, stderr } = await workspace.run(...command);
      assert.equal(code, 3, command.join(' '));
      assert.equal(stdout, '');
      assert.match(
        stderr,
        /^vhostd: no daemon is running: .*control\.sock.* \(ERR_DAEMON_NOT_RUNNING\)\n {2}vhostd run .*\n$/,
      );
    }
  });

  void it('leads to the help of the command that was used wrongly', async () => {
    const { code, stderr } = await workspace.run('maintenance', 'a', '-m');
    assert.equal(code, 2);
    assert.equal(stderr, "vhostd: unknown option '-m'\n(vhostd maintenance --help tells what there is)\n");
  });

  void it('shows the stack of an error at log level debug', async () => {
    const { stderr } = await workspace.run('status', '--log-level', 'debug');
    assert.match(stderr, /^vhostd: no daemon.*\n {2}vhostd run .*\n.*\n +at /);
  });
});

void describe('vhostd run', () => {
  void it('says that it is ready, serves, and ends with 0 on Ctrl-C, leaving nothing behind', async () => {
    workspace.write('a/server.cjs', SERVER);
    workspace.conf([{ siteId: 'a', port: 0 }]);
    const daemon = await workspace.daemon('--log-level', 'silent');
    const { stdout } = await workspace.run('status', '--json');
    const port = portOf(stdout);
    assert.equal(await get(port, 'a.test'), 'one');
    daemon.process.kill('SIGINT');
    assert.deepEqual(await daemon.ended, { code: 0, stdout: 'vhostd ready\n', stderr: '' });
    assert.equal(existsSync(path.join(workspace.runDir, 'daemon.pid')), false);
    assert.equal(existsSync(path.join(workspace.runDir, 'control.sock')), false);
  });

  void it('has the master log from --log-level on, whatever the conf says', async () => {
    workspace.write('a/server.cjs', SERVER);
    workspace.conf([{ siteId: 'a', port: 0 }]);
    const daemon = await workspace.daemon('--log-level', 'debug');
    daemon.process.kill('SIGINT');
    const { stderr } = await daemon.ended;
    const lines = stderr
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as { level: number; name: string });
    const levels = new Set(lines.filter(({ name }) => name === 'master').map(({ level }) => level));
    assert.ok(levels.has(20), stderr);
  });

  void it('names the file that is not there, with exit code 100', async () => {
    const { code, stderr } = await workspace.run('run', '--config', 'missing.json');
    assert.equal(code, 100);
    const file = path.join(workspace.directory, 'missing.json');
    const [line, next] = stderr.split('\n');
    assert.equal(line, `vhostd: ${file}: there is no such conf file (ERR_CONF_NOT_FOUND)`);
    assert.match(next ?? '', /^ {2}vhostd init writes one/);
  });

  void it('tells what is wrong with a conf and what would be right, with exit code 100', async () => {
    const file = workspace.write('bad.json', '{ "sites": [{ "siteId": "a", "path": ".", "cpuLen": -1 }] }');
    const { code, stdout, stderr } = await workspace.run(
      'run',
      '--config',
      'bad.json',
      '--log-level',
      'silent',
    );
    assert.equal(code, 100);
    assert.equal(stdout, '');
    assert.ok(stderr.startsWith(`vhostd: ${file}: sites[0].cpuLen: -1 is not `), stderr);
    assert.match(stderr, /\(ERR_CONF_INVALID\)\n {2}correct it; vhostd check looks at it anew\n$/);
  });

  void it('tells which site failed and serves the others', async () => {
    const taken = net.createServer();
    taken.listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const address = taken.address();
    assert.ok(typeof address === 'object' && address !== null);
    workspace.write('a/server.cjs', SERVER);
    workspace.write('b/server.cjs', SERVER);
    workspace.conf([
      { siteId: 'a', port: 0 },
      { siteId: 'b', port: address.port },
    ]);
    const daemon = workspace.start('run', '--config', 'vhostd.config.json', '--log-level', 'silent');
    await daemon.says('vhostd: site b: ', 'stderr');
    const { stdout } = await workspace.run('status', '--json');
    assert.equal(await get(portOf(stdout), 'a.test'), 'one');
    const failed = await workspace.run('reload', 'b');
    assert.equal(failed.code, 1);
    assert.match(failed.stdout, /^b: failed: .*ERR_LISTEN_ADDRESS_IN_USE/);
    taken.close();
    await once(taken, 'close');
    // Now that it can be had, the site comes up by itself, and with it everything is ready.
    await daemon.says('vhostd ready\n');
    daemon.process.kill('SIGTERM');
    const { code, stderr } = await daemon.ended;
    assert.equal(code, 0);
    assert.match(stderr, /^vhostd: site b: .*\(EADDRINUSE\).* \(ERR_LISTEN_ADDRESS_IN_USE\)\n$/);
  });

  void it('is refused where a daemon runs already, with exit code 101', async () => {
    workspace.write('a/server.cjs', SERVER);
    workspace.conf([{ siteId: 'a', port: 0 }]);
    const daemon = await workspace.daemon();
    const second = await workspace.run('run', '--config', 'vhostd.config.json', '--log-level', 'silent');
    assert.equal(second.code, 101);
    assert.match(
      second.stderr,
      new RegExp(`process ${daemon.process.pid} \\(ERR_DAEMON_RUNNING\\)\n {2}vhostd status .*\n$`),
    );
  });
});

void describe('a running daemon', () => {
  void it('is shown as a table, or as JSON', async () => {
    workspace.write('a/server.cjs', SERVER);
    workspace.conf([{ siteId: 'a', port: 0 }]);
    const daemon = await workspace.daemon();
    const table = await workspace.run('status');
    assert.equal(table.code, 0);
    assert.match(table.stdout, new RegExp(`^daemon +pid ${daemon.process.pid}, `));
    assert.match(table.stdout, /\nSITE +STATE +WORKERS +CONNS +REQ\/S +RESTARTS +MEM +UP +HOSTS\n/);
    assert.match(table.stdout, /\na +running +1\/1 +\d+ +\S+ +0 +\S+ +\d+s +a\.test\n/);
    const site = await workspace.run('status', 'a');
    assert.match(
      site.stdout,
      /^site +a, running, generation 1\nhosts +a\.test\nruns +\S+server\.cjs, in \S+\/a\nlog +\S+a\.log [^]*\n\nWORKER [^]*\na\/1 +\d+ +ready +\d+ +\S+ +0 +0 +\S+ +\S+ +\d+s\n\nconf in force:\n/,
    );
    assert.equal((await workspace.run('status', 'nobody')).code, 1);
    const json = await workspace.run('status', '--json');
    const status: unknown = JSON.parse(json.stdout);
    assert.ok(typeof status === 'object' && status !== null && 'sites' in status && 'master' in status);
  });

  void it('reloads a site, tells its new generation, and serves its new code', async () => {
    workspace.write('a/server.cjs', SERVER);
    workspace.conf([{ siteId: 'a', port: 0 }]);
    await workspace.daemon();
    const port = portOf((await workspace.run('status', '--json')).stdout);
    workspace.write('a/server.cjs', SERVER.replace('one', 'two'));
    assert.deepEqual(await workspace.run('reload'), { code: 0, stdout: 'a: generation 2\n', stderr: '' });
    assert.equal(await get(port, 'a.test'), 'two');
    workspace.write('a/server.cjs', 'process.exit(1);');
    const failed = await workspace.run('reload', 'a');
    assert.equal(failed.code, 1);
    assert.match(
      failed.stdout,
      /^a: failed: .* \(ERR_WORKER_EXITED\); vhostd logs a --err shows what it printed\n$/,
    );
    assert.equal(await get(port, 'a.test'), 'two');
    const unknown = await workspace.run('reload', 'nobody');
    assert.equal(unknown.code, 1);
    assert.match(
      unknown.stderr,
      /^vhostd: .*nobody.*\(ERR_SITE_UNKNOWN\)\n {2}vhostd status lists the sites\n$/,
    );
  });

  void it('tells by its exit code whether all is well, if asked, and restarts a site', async () => {
    workspace.write('a/server.cjs', SERVER);
    workspace.write('b/server.cjs', SERVER);
    workspace.conf([
      { siteId: 'a', port: 0 },
      { siteId: 'b', port: 0 },
    ]);
    await workspace.daemon();
    assert.equal((await workspace.run('status', '--fail-on', 'degraded')).code, 0);
    const restarted = await workspace.run('restart', 'a', '--json');
    assert.deepEqual(JSON.parse(restarted.stdout), { siteId: 'a', workers: 1 });
    workspace.write('b/server.cjs', 'process.exit(1);');
    assert.equal((await workspace.run('reload', 'b')).code, 1);
    assert.equal((await workspace.run('status', '--fail-on', 'errored')).code, 0);
    assert.equal((await workspace.run('status', '--fail-on', 'degraded')).code, 1);
    assert.equal((await workspace.run('status', 'a', '--fail-on', 'degraded')).code, 0);
  });

  void it('holds new connections of a site until it is resumed', async () => {
    workspace.write('a/server.cjs', SERVER);
    workspace.conf([{ siteId: 'a', port: 0 }]);
    await workspace.daemon();
    const port = portOf((await workspace.run('status', '--json')).stdout);
    assert.deepEqual(await workspace.run('pause', 'a', '--timeout', '10m'), {
      code: 0,
      stdout: 'a: paused, holds up to 1000 connections for up to 10m 0s each\n',
      stderr: '',
    });
    const answer = get(port, 'a.test');
    let status = '';
    while (!status.includes('a: 1 connection waits for vhostd resume')) {
      status = (await workspace.run('status')).stdout;
    }
    assert.match(status, /\na +paused +1\/1 /);
    const resumed = await workspace.run('resume', 'a');
    assert.deepEqual(resumed, { code: 0, stdout: 'a: resumed, 1 connection held until now\n', stderr: '' });
    assert.equal(await answer, 'one');
    assert.equal((await workspace.run('resume', 'a')).stdout, 'a: was not paused\n');
    const wrong = await workspace.run('pause', 'a', '--timeout', '5');
    assert.equal(wrong.code, 2);
    assert.match(
      wrong.stderr,
      /^vhostd: timeout: "5" has no unit: write '5s' or '5ms' \(ERR_SITE_OPTION\)\n$/,
    );
  });

  void it("answers a site's requests with its maintenance page until that is off", async () => {
    workspace.write('a/server.cjs', SERVER);
    workspace.conf([{ siteId: 'a', port: 0 }]);
    await workspace.daemon();
    const port = portOf((await workspace.run('status', '--json')).stdout);
    const on = await workspace.run('maintenance', 'a', '--message', 'back <soon>');
    assert.deepEqual(on, { code: 0, stdout: 'a: in maintenance\n', stderr: '' });
    assert.match(await get(port, 'a.test'), /<p>back &#60;soon&#62;<\/p>/);
    const { stdout } = await workspace.run('status');
    assert.match(stdout, /\na +maintenance +1\/1 [\s\S]*\na: in maintenance: back <soon>\n/);
    assert.equal((await workspace.run('maintenance', 'a', '--off')).stdout, 'a: in service\n');
    assert.equal(await get(port, 'a.test'), 'one');
    for (const command of ['pause', 'resume', 'maintenance']) {
      const unknown = await workspace.run(command, 'nobody');
      assert.equal(unknown.code, 1);
      assert.equal(
        unknown.stderr,
        "vhostd: there is no site 'nobody'; there are: a (ERR_SITE_UNKNOWN)\n  vhostd status lists the sites\n",
      );
    }
  });

  void it('is stopped, and gone when the command returns', async () => {
    workspace.write('a/server.cjs', SERVER);
    workspace.conf([{ siteId: 'a', port: 0 }]);
    for (const options of [[], ['--now']]) {
      const daemon = await workspace.daemon();
      assert.deepEqual(await workspace.run('stop', ...options), {
        code: 0,
        stdout: 'vhostd stopped\n',
        stderr: '',
      });
      assert.equal(existsSync(path.join(workspace.runDir, 'daemon.pid')), false);
      assert.equal((await daemon.ended).code, 0);
    }
  });
});

/** The port of the first listener in a status. */
function portOf(json: string): number {
  const status: unknown = JSON.parse(json);
  assert.ok(typeof status === 'object' && status !== null && 'listeners' in status);
  const [listener]: unknown[] = Array.isArray(status.listeners) ? status.listeners : [];
  assert.ok(typeof listener === 'object' && listener !== null && 'port' in listener);
  return Number(listener.port);
}
