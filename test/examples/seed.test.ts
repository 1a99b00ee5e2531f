// The seed's programs run as they stand: daemon.js, master.js, index.js, testworker.js.
import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import type { Server } from 'node:net';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { atEnd } from '../kit/at-end.js';
import { get } from '../kit/ask-site.js';
import { until } from '../kit/until.js';
import { listeningPorts } from './listening-ports.js';
import { Workbench } from './workbench.js';
import type { Program } from './workbench.js';

/** The host and the port that index.js names. */
const HOST = 'rpc.iceovideo.ping-qu.com';
const PORT = 80;
const UPDATED = '更新服务器监听配置参数成功!';
const REFUSED = '更新服务器监听配置参数失败!';

void describe('the programs of the seed', () => {
  void test('daemon.js serves its site by host name', async (t) => {
    const holder = await hold(PORT);
    if (holder === undefined) return t.skip(`port ${PORT} cannot be had here`);
    await close(holder);
    const bench = new Workbench(t);
    const daemon = startDaemon(bench);
    await daemon.prints(/MASTER_SERVER_LISTENING tcp_80_::/);
    await daemon.prints(/"event":"loaded","failed":\[\]/);

    const known = await get(PORT, HOST);
    assert.equal(known.headers['x-powered-by'], 'Express');
    assert.equal((await get(PORT, 'other.example')).status, 421, 'it is not the default site');

    const line = new RegExp(`^\\[pid:\\d+\\]\\[wid:seed/1\\]${UPDATED}\n$`);
    await logged(bench, 'seed/log/all.log');
    await logged(bench, 'seed/log/output.log');
    assert.match(bench.read('seed/log/output.log'), line, 'one worker was started, and it said so once');
    assert.match(bench.read('seed/log/all.log'), line);
    assert.equal(bench.read('seed/log/error.log'), '');

    assert.equal(await daemon.stop(), 0);
    assert.match(daemon.output, /MASTER_SERVER_LISTENING_CLOSE tcp_80_::/);
    assert.deepEqual(bench.processes(), []);
  });

  void test('daemon.js goes on where its port cannot be had, and the site is told why', async (t) => {
    const holder = await hold(PORT);
    const bench = new Workbench(t);
    atEnd(t, () => holder?.close());
    bench.copy('seed');
    const reason = writeProbe(bench);
    const daemon = bench.node(['daemon.js'], { cwd: join(bench.dir, 'seed') });
    await daemon.prints(/"event":"loaded","failed":\[\]/);
    assert.match(await logged(bench, 'seed/log/output.log'), new RegExp(REFUSED));
    assert.match(bench.read(reason), /^ERR_LISTEN_(ADDRESS_IN_USE|PERMISSION)$/);
    assert.doesNotMatch(daemon.output, /MASTER_SERVER_LISTENING/);
    assert.equal(await daemon.stop(), 0);
  });

  void test('index.js runs alone, on the port that --port names', async (t) => {
    const bench = new Workbench(t);
    bench.copy('seed');
    const site = bench.node(['index.js', '--port', '0'], { cwd: join(bench.dir, 'seed') });
    await site.prints(new RegExp(UPDATED));
    const [port = 0, ...others] = listeningPorts(site.pid);
    assert.deepEqual(others, []);
    assert.equal((await get(port, 'any.example')).headers['x-powered-by'], 'Express');
    assert.equal(site.output, `[pid:${site.pid}][wid:standalone]${UPDATED}\n`);
  });

  void test('index.js alone says that it failed where its port cannot be had', async (t) => {
    const holder = await hold(PORT);
    const bench = new Workbench(t);
    atEnd(t, () => holder?.close());
    bench.copy('seed');
    const site = bench.node(['index.js'], { cwd: join(bench.dir, 'seed') });
    assert.equal(await site.ended, 0, 'with nothing to listen on there is nothing to wait for');
    assert.match(site.output, /code: '(EADDRINUSE|EACCES)'/, 'its own handler of server errors hears of it');
    assert.ok(site.output.endsWith(`[pid:${site.pid}][wid:standalone]${REFUSED}\n`), site.output);
  });

  void test('reLoadSite right behind serverRun joins the boot', async (t) => {
    const bench = new Workbench(t);
    bench.copy('seed');
    mkdirSync(join(bench.dir, 'site'));
    writeFileSync(join(bench.dir, 'site/index.js'), BARE_SITE);
    writeFileSync(join(bench.dir, 'seed/reload.js'), RELOAD_MASTER);
    const master = bench.node(['seed/reload.js']);
    const [, outcome = ''] = await master.prints(/^outcome (.*)$/m);
    assert.deepEqual(JSON.parse(outcome), { siteId: 'site', generation: 1, ok: true });
    const [, workers] = await master.prints(/^workers (.*)$/m);
    assert.equal(workers, '1');
    assert.equal(await master.ended, 0);
  });
});

const BARE_SITE = `
const worker = require('@vhostd/worker');
worker.server = require('http').createServer();
worker.updateServerConf({ cpuLen: 1 });
`;

const RELOAD_MASTER = `
const master = require('@vhostd/master');
master.on('loadend', async () => {
  master.loadSite({ path: 'site' });
  const running = master.serverRun();
  const reloaded = await master.reLoadSite();
  console.log('outcome ' + JSON.stringify(reloaded.sites[0]));
  await running;
  console.log('workers ' + master.status().sites[0].workers.length);
  await master.stop();
});
`;

function startDaemon(bench: Workbench): Program {
  bench.copy('seed');
  return bench.node(['daemon.js'], { cwd: join(bench.dir, 'seed') });
}

/** What a log holds, once it holds anything: the master writes it behind what it does. */
async function logged(bench: Workbench, file: string): Promise<string> {
  return await until(`a line in ${file}`, () => {
    const value = bench.read(file);
    return { done: value !== '', value };
  });
}

/** Lets a site note the code of what its callback gets; returns the file that it notes it in. */
function writeProbe(bench: Workbench): string {
  const preamble = `
    const worker = require('@vhostd/worker');
    const update = worker.updateServerConf;
    worker.updateServerConf = (conf, callback) => update.call(worker, conf, (error, result) => {
      require('fs').writeFileSync(__dirname + '/reason', String(error && error.code));
      callback(error, result);
    });
  `;
  const index = bench.read('seed/index.js');
  writeFileSync(join(bench.dir, 'seed/index.js'), preamble + index);
  return 'seed/reason';
}

/** A server on a port; undefined where somebody else has it, or this user may not. */
async function hold(port: number): Promise<Server | undefined> {
  const server = createServer();
  return await new Promise((resolve) => {
    server.once('error', () => resolve(undefined));
    server.listen(port, () => resolve(server));
  });
}

async function close(server: Server): Promise<void> {
  await new Promise((resolve) => server.close(resolve));
}
