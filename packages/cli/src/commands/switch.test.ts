// `vhostd stop SITE`, `start` and `scale`, as a shell runs them.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { get, Workspace } from '../cli.test.kit.js';

let workspace: Workspace;
beforeEach(() => {
  workspace = new Workspace();
  for (const name of ['a', 'b']) {
    workspace.write(
      `${name}/server.cjs`,
      `require('node:http').createServer((_, response) => response.end('${name}')).listen(80)`,
    );
  }
  workspace.conf(['a', 'b'].map((siteId) => ({ siteId, port: 0 })));
});
afterEach(() => workspace.clear());

interface Site {
  siteId: string;
  state: string;
  hosts: string[];
  workers: { state: string }[];
}

void describe('an operator', () => {
  void it('stops and starts a site beside another, also across a reload and the end of the daemon', async () => {
    const daemon = await workspace.daemon('--log-level', 'silent');
    const port = await workspace.port();
    assert.deepEqual(await workspace.run('stop', 'a'), { code: 0, stdout: 'a: stopped\n', stderr: '' });
    assert.match(await get(port, 'a.test'), /This site has been stopped/);
    assert.equal(await get(port, 'b.test'), 'b');
    const { state, hosts, workers } = await site('a');
    assert.deepEqual(
      [state, hosts, workers.map((worker) => worker.state)],
      ['stopped', ['a.test'], ['exited']],
    );
    const table = await workspace.run('status', '--fail-on', 'degraded');
    assert.equal(table.code, 0);
    assert.ok(!table.stdout.includes('exited'), table.stdout);
    assert.equal((await workspace.run('reload')).stdout, 'b: generation 2\n');
    const refused = await workspace.run('reload', 'a');
    assert.equal(refused.code, 1);
    assert.match(refused.stdout, /ERR_SITE_STOPPED/);
    daemon.process.kill('SIGTERM');
    await daemon.ended;
    await workspace.daemon('--log-level', 'silent');
    assert.equal((await site('a')).state, 'stopped');
    assert.match(await get(await workspace.port(), 'a.test'), /This site has been stopped/);
    assert.deepEqual(await workspace.run('start', 'a'), { code: 0, stdout: 'a: started\n', stderr: '' });
    const { listeners } = await status();
    const answers = await Promise.all(listeners.map((listener) => get(listener.port, 'a.test')));
    assert.ok(answers.includes('a'), answers.join());
    assert.deepEqual(stateFile(), { version: 1, sites: {} });
  });

  void it('means every site by all, one after the other, where no site is named so', async () => {
    await workspace.daemon('--log-level', 'silent');
    const typed = async (...args: string[]): Promise<string> => {
      const { code, stdout, stderr } = await workspace.run(...args);
      assert.deepEqual([code, stderr], [0, ''], args.join(' '));
      return stdout;
    };
    assert.equal(await typed('reload', 'all'), 'a: generation 2\nb: generation 2\n');
    assert.equal(await typed('restart', 'all'), 'a: 1 worker restarted\nb: 1 worker restarted\n');
    assert.match(
      await typed('stop', 'all'),
      /^a: stopped\nb: stopped\nvhostd goes on without sites: vhostd start all starts them, vhostd stop ends vhostd/,
    );
    assert.equal(await typed('restart', 'all'), 'no site runs\n');
    assert.equal(await typed('start', 'all'), 'a: started\nb: started\n');
    assert.deepEqual(JSON.parse(await typed('start', 'all', '--json')), { sites: [] });
    assert.match(await typed('flush', 'all'), /a\.log: emptied\n/);
    assert.match(
      await typed('remove', 'all'),
      /^no site was added; those of the conf are taken out there\n$/,
    );
    assert.equal((await workspace.run('logs', 'all')).code, 0);
  });

  void it('changes the number of workers, which the next daemon knows', async () => {
    const daemon = await workspace.daemon('--log-level', 'silent');
    const scaled = async (...args: string[]): Promise<string> =>
      (await workspace.run('scale', ...args)).stdout;
    assert.equal(await scaled('a', '3'), 'a: 3 workers, 1 before\n');
    assert.equal(await scaled('a', '-1'), 'a: 2 workers, 3 before\n');
    await count(2);
    assert.equal(
      await scaled('a', '+1', '--json'),
      '{\n  "siteId": "a",\n  "before": 2,\n  "workers": 3,\n  "lasts": true\n}\n',
    );
    await workspace.run('reload');
    await count(3);
    daemon.process.kill('SIGTERM');
    await daemon.ended;
    await workspace.daemon('--log-level', 'silent');
    await count(3);
    assert.match(await scaled('a', 'conf'), /^a: 3 workers until the next reload, then as its conf says\n$/);
    await workspace.run('reload');
    await count(1);
    for (const [wanted, code, message] of [
      ['0', 2, /A site has 1 to 1024 workers; vhostd stop SITE takes it down\./],
      ['1025', 2, /A site has 1 to 1024 workers/],
      ['-1', 2, /vhostd stop SITE stops a site/],
      ['many', 2, /It is no number, \+N, -N, max or conf\./],
    ] as const) {
      const outcome = await workspace.run('scale', 'a', wanted);
      assert.match(outcome.stderr, message);
      assert.equal(outcome.code, code, wanted);
    }
  });
});

async function status(): Promise<{ listeners: { port: number }[]; sites: Site[] }> {
  return JSON.parse((await workspace.run('status', '--json')).stdout) as never;
}

async function site(siteId: string): Promise<Site> {
  const found = (await status()).sites.find((one) => one.siteId === siteId);
  assert.ok(found !== undefined);
  return found;
}

/** Waits until site a has so many workers. */
async function count(wanted: number): Promise<void> {
  while ((await site('a')).workers.length !== wanted);
}

function stateFile(): unknown {
  const name = encodeURIComponent(workspace.runDir);
  return JSON.parse(readFileSync(path.join(workspace.directory, 'vhostd', name, 'sites.json'), 'utf8'));
}
