// What `vhostd start` does with an app that is there already, and says where one cannot be had as it was typed.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { appSaying, get, Workspace } from '../cli.test.kit.js';

let workspace: Workspace;
beforeEach(() => {
  workspace = new Workspace();
  workspace.write(
    'a/index.js',
    `require('node:http').createServer((_, r) => r.end([process.env.NAME, process.env.MORE, ...process.argv.slice(2)].join(' '))).listen(80)`,
  );
  workspace.write('b/index.js', appSaying('b'));
  workspace.write('jobs/queue.js', 'setInterval(() => {}, 1000); console.log("works")');
});
afterEach(async () => {
  await workspace.run('stop', '--now');
  await workspace.clear();
});

interface Detail {
  siteId: string;
  state: string;
  conf: { cpuLen?: number; listen: { host: string; port: number }[] };
}

async function detail(siteId: string): Promise<Detail> {
  return JSON.parse((await workspace.run('status', siteId, '--json')).stdout) as Detail;
}

void describe('a site that was added', () => {
  void it('is given other workers, hosts and variables by its name or its path, without the rest', async () => {
    const flags = ['--host', 'a.test', '--port', '0', '-n', '2', '--env', 'NAME=one'];
    const first = await workspace.run('start', './a', ...flags);
    assert.equal(first.code, 0, first.stderr);
    const port = await workspace.port();
    assert.equal((await workspace.run('scale', 'a', '3')).code, 0);
    const changed = await workspace.run('start', 'a', '-n', '1', '--env', 'MORE=two', '--', 'x');
    assert.match(changed.stdout, new RegExp(`^a: changed\n {2}http://a\\.test:${port}/\n$`));
    assert.equal(await get(port, 'a.test'), 'one two x');
    assert.equal((await detail('a')).conf.cpuLen, 1);
    const moved = await workspace.run('start', './a', '--host', 'b.test');
    assert.match(moved.stdout, /^a: changed\n {2}http:\/\/b\.test:/);
    assert.equal(await get(port, 'b.test'), 'one two x');
    assert.match((await workspace.run('start', './a')).stdout, /^a: is there\n {2}http:\/\/b\.test/);
    await workspace.run('stop', 'a');
    assert.match((await workspace.run('start', 'a', '-n', 'max')).stdout, /^a: changed\n/);
    assert.equal(await get(port, 'b.test'), 'one two x');
    // The next daemon has it as it was changed last.
    await workspace.run('stop');
    assert.equal((await workspace.run('start')).code, 0);
    assert.equal(await get(await workspace.port(), 'b.test'), 'one two x');
    assert.equal((await detail('a')).conf.cpuLen, undefined);
  });

  void it('that fails is tried anew by start, which tells of that try', async () => {
    workspace.write('a/index.js', 'console.error("first"); process.exit(1)');
    assert.equal((await workspace.run('start', './a', '--port', '0', '-n', '1')).code, 1);
    workspace.write('a/index.js', 'console.error("second"); process.exit(2)');
    const failed = await workspace.run('start', 'a');
    assert.match(failed.stderr, /exited with code 2; it printed: second \(ERR_WORKER_EXITED\)/);
    workspace.write('a/index.js', appSaying('mended'));
    assert.deepEqual(await workspace.run('start', 'a'), { code: 0, stdout: 'a: started\n', stderr: '' });
    assert.equal(await get(await workspace.port(), 'any.test'), 'mended');
  });

  void it('whose last change failed has it tried anew by the same command, which tells of that try', async () => {
    const taken = net.createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as net.AddressInfo;
    try {
      workspace.write('a/index.js', appSaying('a'));
      assert.equal((await workspace.run('start', './a', '--host', 'a.test', '--port', '0')).code, 0);
      const before = await workspace.port();
      for (let times = 0; times < 2; times += 1) {
        const failed = await workspace.run('start', 'a', '--port', String(port));
        assert.deepEqual([failed.code, failed.stdout.includes('(ERR_LISTEN_ADDRESS_IN_USE)')], [1, true]);
        assert.equal(await get(before, 'a.test'), 'a');
      }
      // What it is to be is what it was changed to.
      const added = await workspace.run('add', './a', '--host', 'a.test', '--port', String(port));
      assert.deepEqual([added.code, added.stderr.includes('(ERR_LISTEN_ADDRESS_IN_USE)')], [1, true]);
    } finally {
      taken.close();
      await once(taken, 'close');
    }
    assert.equal((await workspace.run('start', 'a', '--port', String(port))).code, 0);
    assert.equal(await get(port, 'a.test'), 'a');
  });

  void it('of the conf is not changed by flags, and it is said where it is', async () => {
    workspace.write('a/server.cjs', appSaying('a'));
    workspace.conf([{ siteId: 'a', port: 0 }]);
    await workspace.daemon('--log-level', 'silent');
    const { code, stderr } = await workspace.run('start', 'a', '-n', '2');
    assert.equal(code, 1);
    assert.match(
      stderr,
      /site a is in the conf: change it there, then reload \(ERR_SITE_IN_CONF\)\n {2}vhostd scale a N/,
    );
  });
});

void it('a program that does not listen is asked about long before it fails, and the answer ends the waiting', async () => {
  const waiting = workspace.start('start', './jobs/queue.js', '--port', '0');
  await waiting.says(
    'jobs does not listen yet; if it serves nobody (a queue worker, a bot), type:\n  vhostd start ./jobs/queue.js',
    'stderr',
  );
  const answered = await workspace.run('start', './jobs/queue.js', '--no-server');
  assert.deepEqual([answered.stdout, answered.code], ['jobs: changed\n', 0]);
  await waiting.ended;
  assert.equal((await detail('jobs')).state, 'running');
});

void it('a program of another kind needs no flag, and can have no address', async () => {
  workspace.write('jobs/x.py', 'import time\nwhile True: time.sleep(1)\n');
  const refused = await workspace.run('start', 'jobs/x.py', '--port', '0');
  assert.match(refused.stderr, /^vhostd: jobs\/x\.py is run by python3, .*leave out --host, --port and --ip/);
  const { stdout, code } = await workspace.run('start', 'jobs/x.py');
  assert.equal(code, 0);
  assert.match(stdout, /\njobs: added\n {2}run by python3: vhostd gives it no connections\n$/);
});

void it('what to type is said in full where another site has the hosts or the name, or a process the port', async () => {
  const first = await workspace.run('start', './a', '--port', '0', '-n', '1');
  assert.equal(first.code, 0, first.stderr);
  const typed = async (...args: string[]): Promise<string> => (await workspace.run(...args)).stderr;
  workspace.write('c/server.cjs', appSaying('c'));
  workspace.write('vhostd.config.json', '{ "sites": [] }');
  const free = await freePort();
  assert.equal((await workspace.run('start', './a', '--port', String(free), '--name', 'all')).code, 0);
  assert.match(
    await typed('start', './b', '--port', String(free)),
    new RegExp(
      `\\(ERR_CONF_DUPLICATE_HOST\\)\n {2}two sites .*:\n {2}vhostd start \\./b --port ${free} .*--host b\\.localhost\n$`,
    ),
  );
  assert.match(
    await typed('add', './b', '--name', 'all', '--port', '0'),
    /\(ERR_SITE_EXISTS\)\n {2}vhostd status all shows .*:\n {2}vhostd add \.\/b --port 0 .*--name all-2 --host all-2\.localhost\n$/,
  );
  const taken = net.createServer().listen(0);
  await once(taken, 'listening');
  const { port } = taken.address() as net.AddressInfo;
  const outcome = await workspace.run('start', './b', '--port', String(port));
  const [, again = ''] =
    new RegExp(`\n {2}\\S+, pid ${process.pid}, has it; .*:\n {2}vhostd (start b --port \\d+)\n$`).exec(
      outcome.stdout,
    ) ?? assert.fail(outcome.stdout);
  assert.match((await workspace.run(...again.split(' '))).stdout, /^b: changed\n {2}http/);
  taken.close();
});

async function freePort(): Promise<number> {
  const server = net.createServer().listen(0);
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  server.close();
  return port;
}
