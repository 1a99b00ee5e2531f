// `vhostd logs` as a shell runs it, on what real workers have printed.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import path from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { get, Workspace } from '../cli.test.kit.js';

const SERVER = `
console.log('up');
require('node:http').createServer((request, response) => {
  console.log('asked for ' + request.url);
  console.error('no ' + request.url);
  response.end('ok');
}).listen(80);`;

let workspace: Workspace;
beforeEach(() => {
  workspace = new Workspace();
  for (const site of ['a', 'b']) workspace.write(`${site}/server.cjs`, SERVER);
});
afterEach(() => workspace.clear());

void describe('vhostd logs', () => {
  void it('shows what sites without log files have printed, also when the daemon has ended', async () => {
    workspace.conf(['a', 'b'].map((siteId) => ({ siteId, port: 0 })));
    const daemon = await workspace.daemon('--log-level', 'silent');
    const port = await workspace.port();
    await get(port, 'a.test');
    await get(port, 'b.test');
    const running = await until(/b\/\d+ \| no \//);
    assert.match(running, /^[ab]\/\d+ \| up\n[ab]\/\d+ \| up\na\/\d+ \| asked for \/\na\/\d+ \| no \/\n/);
    daemon.process.kill('SIGTERM');
    await daemon.ended;
    assert.equal((await workspace.run('logs')).stdout, running);
    assert.match((await workspace.run('logs', 'b', '--err')).stdout, /^b\/\d+ \| no \/\n$/);
    assert.match((await workspace.run('logs', '-n', '1', 'a')).stdout, /^a\/\d+ \| no \/\n$/);
    assert.match(
      (await workspace.run('logs', '--grep', '^ask')).stdout,
      /^(?:[ab]\/\d+ \| asked for \/\n){2}$/,
    );
    assert.equal((await workspace.run('logs', '--since', '1h')).stdout, running);
    assert.equal((await workspace.run('logs', '--since', '2100-01-01')).stdout, '');
    const { stdout } = await workspace.run('logs', 'a', '--err', '--json');
    const { time, workerId, ...rest } = JSON.parse(stdout) as Record<string, unknown>;
    assert.deepEqual(rest, { siteId: 'a', line: 'no /', stream: 'stderr' });
    assert.match(`${String(workerId)} ${String(time)}`, /^a\/\d+ \d{4}-.*Z$/);
    assert.match(
      (await workspace.run('logs', 'a', '--time', '-n1')).stdout,
      /^\d{4}-\S+Z a\/\d+ \| no \/\n$/,
    );
  });

  void it('follows what comes, until its reader has gone', async () => {
    workspace.conf([{ siteId: 'a', port: 0 }]);
    await workspace.daemon('--log-level', 'silent');
    const port = await workspace.port();
    const logs = workspace.start('logs', '-f');
    await logs.says('| up\n');
    await get(port, 'a.test');
    await logs.says('| no /\n');
    logs.process.stdout?.destroy();
    await get(port, 'a.test');
    await once(logs.process, 'exit');
    assert.equal(logs.process.exitCode, 0);
  });

  void it('has all that a worker wrote, however it ended', async () => {
    const print = `for (let i = 0; i < 2000; i++) console.log('n' + i + '.'.repeat(200));`;
    const ends = {
      '/exit': 'process.exit(1)',
      '/throw': `setImmediate(() => { throw new Error('over') })`,
      '/kill': `process.kill(process.pid, 'SIGKILL')`,
    };
    const cases = Object.entries(ends).map(
      ([url, end]) => `if (request.url === '${url}') { ${print} ${end}; }`,
    );
    workspace.write(
      'a/server.cjs',
      `require('node:http').createServer((request, response) => {
        ${cases.join('\n')}
        response.end('ok');
      }).listen(80);`,
    );
    workspace.conf([{ siteId: 'a', port: 0 }]);
    await workspace.daemon('--log-level', 'silent');
    const port = await workspace.port();
    for (const [index, url] of Object.keys(ends).entries()) {
      await get(port, 'a.test', url).catch(() => undefined);
      await until(new RegExp(`^(?:.*n1999[.]+\n){1}$`, 'mu'), '--grep', 'n1999', '-n', '1');
      const { stdout } = await workspace.run('logs', '--grep', '^n', '-n', '10000');
      const numbers = stdout.split('\n').map((line) => Number(/n(\d+)[.]/u.exec(line)?.[1]));
      assert.deepEqual(
        numbers.slice(0, -1).slice(index * 2000),
        Array.from({ length: 2000 }, (_, number) => number),
      );
    }
  });

  void it('reads the files that a conf names', async () => {
    const file = workspace.conf([{ siteId: 'a', port: 0 }]);
    const site = { siteId: 'a', path: 'a', workerFile: 'server.cjs', cpuLen: 1, logError: 'log/err.log' };
    workspace.write(
      path.basename(file),
      JSON.stringify({ sites: [{ ...site, listen: [{ host: 'a.test', port: 0, ipaddress: '127.0.0.1' }] }] }),
    );
    await workspace.daemon('--log-level', 'silent');
    await get(await workspace.port(), 'a.test');
    await until(/a \| no \/\n/);
    assert.equal((await workspace.run('logs', '--err')).stdout, 'a | no /\n');
    assert.match((await workspace.run('logs', '--grep', 'asked')).stdout, /^a\/\d+ \| asked for \/\n$/);
  });

  void it('says what is wrong: no logs, no such site, no number, no expression, no time', async () => {
    const none = await workspace.run('logs');
    assert.equal(none.code, 1);
    assert.match(
      none.stderr,
      /^vhostd: there are no logs in .*%2F.*; sites with logs: none \(ERR_LOG_NOT_FOUND\)\n  vhostd status lists the sites; .*\n$/,
    );
    const state = workspace.write('state/log/a.log', '');
    assert.ok(state.length > 0);
    const other = await workspace.run('logs', 'b', '--state-dir', path.join(workspace.directory, 'state'));
    assert.match(other.stderr, /^vhostd: site 'b' has no log in .*; sites with logs: a \(/);
    for (const [option, value, message] of [
      ['-n', 'x', 'It is not a number of lines.'],
      ['--grep', '(', 'Invalid regular expression'],
      ['--since', 'soon', "It is neither a duration such as '10m' nor a time."],
    ] as const) {
      const { code, stderr } = await workspace.run('logs', option, value);
      assert.equal(code, 2);
      assert.ok(stderr.includes(message), stderr);
    }
  });
});

/** What `vhostd logs` shows once it shows this: lines are written a moment after they were printed. */
async function until(pattern: RegExp, ...args: string[]): Promise<string> {
  for (;;) {
    const { stdout } = await workspace.run('logs', ...args);
    if (pattern.test(stdout)) return stdout;
  }
}
