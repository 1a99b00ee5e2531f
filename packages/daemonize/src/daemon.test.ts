import assert from 'node:assert/strict';
import { readFileSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { readIdentity } from '@vhostd/supervisor';
import { Bench, SERVER } from './bench.test.kit.js';
import { next, program, started } from './daemon-facts.test.kit.js';
import { Daemon } from './index.js';

void describe('a detached process', () => {
  void it('outlives its parent, and is found and stopped by another program', async (t) => {
    const bench = new Bench(t);
    bench.write('server.js', SERVER);
    const start = program(`const { pid } = await daemon.start(); console.log(pid);`);
    const parent = await bench.run('start.js', start, { READY: path.join(bench.dir, 'ready') });
    const pid = Number(parent.output);
    assert.ok(readIdentity(pid) !== undefined, parent.output);
    const stop = program(`console.log(daemon.pid, JSON.stringify(await daemon.stop()));`);
    const { output } = await bench.run('stop.js', stop);
    assert.equal(output, `${pid} {"status":"stopped","pid":${pid}}\n`);
    assert.deepEqual(bench.processes(), []);
  });

  void it('writes two log files with logs on, which grow from start to start', async (t) => {
    const bench = new Bench(t);
    const text = `console.log('out'); console.error('err');\n${SERVER}`;
    const { daemon, ready } = bench.make(text, { detached: true, logDir: path.join(bench.dir, 'log') }, true);
    for (let round = 0; round < 2; round++) {
      await daemon.start();
      await ready();
      await daemon.stop();
    }
    const { stdout, stderr } = daemon.logFiles;
    assert.equal(stdout, path.join(bench.dir, 'log/shop.out.log'));
    assert.equal(readFileSync(stdout, 'utf8'), 'out\nout\n');
    assert.equal(readFileSync(stderr, 'utf8'), 'err\nerr\n');
    assert.equal(statSync(stdout).mode & 0o7777, 0o600);
    assert.equal(statSync(path.join(bench.dir, 'log')).mode & 0o7777, 0o700);
    assert.deepEqual(readdirSync(bench.runDir), []);
  });
});

void describe('what a process is started with', () => {
  void it('has the variables that are given, without those that are undefined', async (t) => {
    const bench = new Bench(t);
    const env = { ...bench.env(), A: 'a', NUMBER: 1, GONE: undefined, NULL: null };
    const text = `console.log(JSON.stringify(['A', 'NUMBER', 'GONE', 'NULL'].map((name) => process.env[name] ?? 0)))`;
    const { daemon } = bench.make(text, { env }, true);
    const line = next(daemon, 'stdout');
    void daemon.start();
    assert.deepEqual(await line, ['["a","1",0,0]']);
  });

  void it('is any program and any script', async (t) => {
    const bench = new Bench(t);
    const daemon = new Daemon(
      'shell',
      bench.write('job', 'echo "$0 $1 $2"; while :; do sleep 1; done'),
      { bin: 'sh', argv: ['a b', '$HOME'], runDir: bench.runDir, env: bench.env(), minUptimeMs: 0 },
      true,
      { log: {} },
    );
    const line = next(daemon, 'stdout');
    void daemon.start();
    assert.deepEqual(await line, [`${path.join(bench.dir, 'job')} a b $HOME`]);
    assert.equal((await daemon.stop()).status, 'stopped');
  });

  void it('is a script of a file: URL, too', async (t) => {
    const bench = new Bench(t);
    bench.write(
      '-e.mjs',
      `console.log(import.meta.url); ${SERVER.replace('require', '(() => ({ writeFileSync() {} }))')}`,
    );
    const url = new URL(`file://${bench.dir}/-e.mjs`);
    const daemon = new Daemon('m', url, { runDir: bench.runDir, env: bench.env() }, true, { log: {} });
    const line = next(daemon, 'stdout');
    void daemon.start();
    assert.deepEqual(await line, [url.href]);
  });

  void it('has the debugger of Node where VHOSTD_DEBUG or XCRAFT_DEBUG is 1', async (t) => {
    const bench = new Bench(t);
    for (const variable of ['VHOSTD_DEBUG', 'XCRAFT_DEBUG']) {
      const text = program(
        `daemon.once('stderr', async (line) => { console.log(line); await daemon.stop(); });
        daemon.start();`,
        `{ detached: false, inspectPort: 0 }, true, { log: {} }`,
      );
      bench.write('server.js', SERVER);
      const { output } = await bench.run('debug.js', text, { [variable]: '1' });
      assert.match(output, /^Debugger listening on ws:\/\/127\.0\.0\.1:\d+\//);
    }
  });

  void it('says on its standard error where the port of the debugger is taken', async (t) => {
    const bench = new Bench(t);
    bench.write('server.js', SERVER);
    const text = program(
      `const { createServer } = require('net');
      const server = createServer().listen(0, '127.0.0.1', () => {
        daemon.once('stderr', async (line) => { console.log(line); server.close(); await daemon.stop(); });
        daemon.start({ inspectPort: server.address().port });
      });`,
      `{}, true, { log: {} }`,
    );
    const { output } = await bench.run('debug.js', text, { VHOSTD_DEBUG: '1' });
    assert.match(output, /^Starting inspector on 127\.0\.0\.1:\d+ failed: address already in use/);
  });
});

void describe('several daemons', () => {
  void it('live side by side, also where one name begins with the other', async (t) => {
    const bench = new Bench(t);
    const names = ['a', 'a.err', 'a.pid', 'a.pid.1', 'büro 2'];
    const made = names.map((name) => bench.make(SERVER, { detached: true }, true, name).daemon);
    const pids = (await Promise.all(made.map((daemon) => daemon.start()))).map(
      (result) => started(result).pid,
    );
    assert.equal(new Set(pids).size, names.length);
    assert.deepEqual(
      await Promise.all(made.map((daemon) => daemon.stop())),
      pids.map((pid) => ({ status: 'stopped', pid })),
    );
    assert.equal(readdirSync(bench.runDir).length, 2 * names.length, 'two logs of each');
  });
});

void describe('the response object', () => {
  void it('gets what happens, and each event', async (t) => {
    const bench = new Bench(t);
    const { daemon, log, events } = bench.make(`${SERVER}\nconsole.log('hello');`, {}, true);
    const hasPrinted = next(daemon, 'stdout');
    const { pid } = started(await daemon.start());
    await hasPrinted;
    await daemon.stop();
    // A process may print before it is known to run.
    const printed = log.findIndex(([, text]) => text === 'shop: hello');
    assert.deepEqual(log.splice(printed, 1), [['info', 'shop: hello']]);
    assert.deepEqual(log, [
      ['info', `shop: started, process ${pid}`],
      ['info', `shop: process ${pid} ended with 0`],
      ['info', `shop: stopped, process ${pid}`],
    ]);
    const told = events.map(([topic, data]) => [topic.slice('daemon.shop.'.length), data]);
    const line = told.findIndex(([name]) => name === 'stdout');
    assert.deepEqual(told.splice(line, 1), [['stdout', 'hello']]);
    assert.deepEqual(told, [
      ['started', { pid }],
      ['exit', { pid, code: 0, signal: null }],
      ['stopped', { status: 'stopped', pid }],
    ]);
  });

  void it('may be without its parts, and may throw', async (t) => {
    const bench = new Bench(t);
    const script = bench.write('server.js', SERVER);
    const raise = (): never => {
      throw new Error('the log is full');
    };
    const options = { runDir: bench.runDir, env: bench.env(), minUptimeMs: 0 };
    for (const resp of [
      null,
      {},
      { log: {} },
      { events: {} },
      { log: { info: raise }, events: { send: raise } },
    ]) {
      const daemon = new Daemon('shop', script, options, false, resp);
      assert.equal((await daemon.start()).status, 'started');
      assert.equal((await daemon.stop()).status, 'stopped');
    }
  });
});
