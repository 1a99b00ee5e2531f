import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { isAlive, readIdentity } from '@vhostd/supervisor';
import type { ProcessIdentity } from '@vhostd/supervisor';
import { Bench, DEAF, SERVER, until } from './bench.test.kit.js';
import { Daemon } from './index.js';
import type { DaemonEvents } from './index.js';

const LONG_MS = 2_000_000_000;

void describe('start', () => {
  void it('has started the process and written its PID file when it returns', async (t) => {
    const bench = new Bench(t);
    const { daemon } = bench.make(SERVER);
    assert.equal(daemon.proc, null);
    assert.equal(daemon.isOurDaemon(), false);
    assert.equal(daemon.pid, undefined);
    const start = daemon.start();
    const pid = (daemon.proc as ChildProcess | null)?.pid ?? 0;
    assert.equal(daemon.isOurDaemon(), true);
    assert.equal(daemon.pid, pid);
    const { startTime, bootId } = identityOf(pid);
    assert.equal(readFileSync(daemon.pidFile, 'utf8'), `${pid}\n${startTime}\n${bootId}\n`);
    assert.equal(daemon.pidFile, bench.pidFile('shop'));
    assert.equal(statSync(bench.runDir).mode & 0o7777, 0o700);
    assert.deepEqual(await start, { status: 'started', pid });
    assert.deepEqual(await daemon.stop(), { status: 'stopped', pid });
    assert.equal(daemon.isOurDaemon(), false);
    assert.deepEqual(readdirSync(bench.runDir), [], 'nothing is left behind');
  });

  void it('leaves a process alone that runs, whoever started it', async (t) => {
    const bench = new Bench(t);
    const { daemon } = bench.make(SERVER);
    await daemon.start();
    const { daemon: other, events } = bench.make(SERVER);
    const running = { status: 'running', pid: daemon.proc?.pid };
    assert.deepEqual(await other.start(), running);
    assert.deepEqual(await daemon.start(), running);
    assert.equal(other.proc, null);
    assert.equal(other.isOurDaemon(), false);
    assert.equal(other.pid, running.pid);
    assert.deepEqual(events, [['daemon.shop.running', { pid: running.pid }]]);
    assert.deepEqual(await other.stop(), { status: 'stopped', pid: running.pid });
  });

  void it('is one start when it is called twice at once', async (t) => {
    const bench = new Bench(t);
    const { daemon } = bench.make(SERVER);
    const { daemon: other } = bench.make(SERVER);
    const first = daemon.start();
    assert.equal(daemon.start(), first);
    const pid = daemon.proc?.pid ?? 0;
    assert.deepEqual(await other.start(), { status: 'running', pid });
    assert.deepEqual(await first, { status: 'started', pid });
    assert.deepEqual(bench.processes(), [pid]);
  });

  void it('is one start when many programs do it at once', { timeout: 300_000 }, async (t) => {
    const bench = new Bench(t);
    bench.write('server.js', SERVER);
    const text = program(`const { status } = await daemon.start(); console.log(status);`);
    for (let round = 0; round < 3; round++) {
      const runs = await Promise.all(Array.from({ length: 5 }, (_, at) => bench.run(`p${at}.js`, text)));
      const said = runs.map(({ output }) => output.trim()).toSorted();
      assert.deepEqual(said, ['running', 'running', 'running', 'running', 'started']);
      const [pid = 0, ...more] = bench.processes();
      assert.deepEqual(more, []);
      const { daemon } = bench.make(SERVER);
      assert.deepEqual(await daemon.stop(), { status: 'stopped', pid });
    }
  });

  void it('replaces a PID file that names nobody who lives, or nobody at all', async (t) => {
    const bench = new Bench(t);
    const { daemon } = bench.make(SERVER);
    await daemon.start();
    const dead = identityOf(daemon.proc?.pid ?? 0);
    await daemon.stop();
    const files = [
      content(dead),
      content({ ...dead, bootId: '0b63f1d6-60ec-4b4f-8e7c-7d9a4e6ad1a7' }),
      '',
      `${process.pid}`,
      'garbage\n',
      content(dead).slice(0, 20),
      'x'.repeat(100_000),
    ];
    for (const text of files) {
      bench.write('run/shop.pid', text);
      assert.equal(daemon.pid, undefined);
      assert.equal((await daemon.start()).status, 'started');
      assert.equal((await daemon.stop()).status, 'stopped');
    }
  });

  void it('takes new options, which stay', async (t) => {
    const bench = new Bench(t);
    const { daemon } = bench.make(`console.log(process.argv[2])\n${SERVER}`, { argv: ['one'] }, true);
    const lines: string[] = [];
    daemon.on('stdout', (line) => lines.push(line));
    void daemon.start({ argv: ['two'] });
    await until('a line', () => lines.length === 1);
    await daemon.restart();
    await until('a line', () => lines.length === 2);
    await daemon.stop();
    assert.deepEqual(lines, ['two', 'two']);
    await assert.rejects(daemon.start({ minUptimeMs: -1 }), { code: 'ERR_DAEMONIZE_OPTION' });
  });
});

void describe('a start that fails', () => {
  void it('tells the exit code and the last lines of standard error', async (t) => {
    const bench = new Bench(t);
    for (const detached of [false, true]) {
      const { daemon, log } = bench.make(
        `console.error('one'); console.error('two'); process.exitCode = 7;`,
        { detached, minUptimeMs: LONG_MS },
        true,
      );
      const failed = next(daemon, 'failed');
      await assert.rejects(daemon.start(), (error) => {
        const { code, message, info } = narrowed(error);
        assert.equal(code, 'ERR_DAEMONIZE_ENDED');
        assert.match(message, /^process \d+ ended with exit code 7, \d+ ms after its start; .*:\none\ntwo$/);
        assert.deepEqual([info['exitCode'], info['signal'], info['stderr']], [7, null, ['one', 'two']]);
        assert.equal(log.filter(([level]) => level === 'err').length, 1);
        return true;
      });
      await failed;
      assert.equal(readdirSync(bench.runDir).includes('shop.pid'), false);
      assert.equal(daemon.isOurDaemon(), false);
    }
  });

  void it('tells the signal, and without logs where to find out more', async (t) => {
    const { daemon } = new Bench(t).make(`process.kill(process.pid, 'SIGKILL')`, { minUptimeMs: LONG_MS });
    await assert.rejects(daemon.start(), {
      code: 'ERR_DAEMONIZE_ENDED',
      message: /ended with signal SIGKILL, \d+ ms after its start; turn on logs to see why$/,
    });
  });

  void it('is also one that ends with exit code 0 at once', async (t) => {
    const { daemon } = new Bench(t).make('', { minUptimeMs: LONG_MS }, true);
    await assert.rejects(daemon.start(), /exit code 0, .* it wrote nothing to standard error/);
  });

  void it('tells that there is no such script, and starts nothing', async (t) => {
    const bench = new Bench(t);
    const daemon = new Daemon('shop', path.join(bench.dir, 'none.js'), { runDir: bench.runDir }, false, {
      log: {},
    });
    await assert.rejects(daemon.start(), {
      code: 'ERR_DAEMONIZE_SCRIPT',
      message: /there is no script .*none\.js/,
    });
    assert.deepEqual(readdirSync(bench.runDir), []);
  });

  void it('tells that there is no such program', async (t) => {
    const bench = new Bench(t);
    for (const bin of ['no-such-program', bench.write('no-program', '')]) {
      const { daemon } = bench.make('', { bin });
      await assert.rejects(daemon.start(), { code: 'ERR_DAEMONIZE_SPAWN', message: /E(NOENT|ACCES)/ });
      assert.deepEqual(readdirSync(bench.runDir), []);
    }
    const { daemon } = bench.make('', { argv: ['a\0b'] });
    await assert.rejects(daemon.start(), { code: 'ERR_DAEMONIZE_SPAWN' });
  });

  void it('does not end a program that does not wait for it', async (t) => {
    const bench = new Bench(t);
    bench.write('server.js', `throw new Error('broken')`);
    const ran = await bench.run(
      'p.js',
      `const Daemon = require('@vhostd/daemonize');
      new Daemon('shop', './server.js', { detached: true, minUptimeMs: ${LONG_MS} }, true).start();
      process.on('exit', () => console.log('went on'));`,
    );
    assert.equal(ran.code, 0, ran.output);
    assert.match(
      ran.output,
      /^shop: ERR_DAEMONIZE_ENDED: process \d+ ended with exit code 1, .*\n[^]*Error: broken/,
    );
    assert.match(ran.output, /went on\n$/);
  });
});

void describe('stop', () => {
  void it('says that nothing was running, and makes no directory for it', async (t) => {
    const bench = new Bench(t);
    const { daemon, events } = bench.make(SERVER);
    assert.deepEqual(await daemon.stop(), { status: 'not-running' });
    assert.deepEqual(readdirSync(bench.dir), ['shop.cjs']);
    assert.deepEqual(events, [['daemon.shop.stopped', { status: 'not-running' }]]);
  });

  void it('kills a process that does not end after SIGTERM', async (t) => {
    const bench = new Bench(t);
    const { daemon, ready, log } = bench.make(DEAF, { stopTimeoutMs: 300 });
    const { pid } = started(await daemon.start());
    await ready();
    const exit = next(daemon, 'exit');
    assert.deepEqual(await daemon.stop(), { status: 'killed', pid });
    assert.deepEqual(await exit, [{ pid, code: null, signal: 'SIGKILL' }]);
    assert.deepEqual(log.at(-1), ['warn', `shop: killed, process ${pid}: it did not end after SIGTERM`]);
    assert.deepEqual(readdirSync(bench.runDir), []);
  });

  void it('never signals a stranger that has the pid now', async (t) => {
    const bench = new Bench(t);
    const stranger = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], {
      env: bench.env(),
      stdio: 'ignore',
    });
    await once(stranger, 'spawn');
    const identity = identityOf(stranger.pid ?? 0);
    const { daemon } = bench.make(SERVER);
    for (const other of [
      { ...identity, startTime: String(Number(identity.startTime) - 1) },
      { ...identity, bootId: '0b63f1d6-60ec-4b4f-8e7c-7d9a4e6ad1a7' },
    ]) {
      bench.write('run/shop.pid', content(other));
      assert.equal(daemon.pid, undefined);
      assert.deepEqual(await daemon.stop(), { status: 'stranger', pid: stranger.pid });
      assert.deepEqual(await daemon.stop(), { status: 'not-running' }, 'the file was removed');
      bench.write('run/shop.pid', content(other));
      const { pid } = started(await daemon.restart());
      assert.notEqual(pid, stranger.pid);
      await daemon.stop();
    }
    assert.equal(isAlive(identity), true);
  });

  void it('is one stop when it is called twice at once, also from another object', async (t) => {
    const bench = new Bench(t);
    const { daemon } = bench.make(SERVER);
    const { daemon: other } = bench.make(SERVER);
    const { pid } = started(await daemon.start());
    const first = daemon.stop();
    assert.equal(daemon.stop(), first);
    const statuses = (await Promise.all([first, other.stop()])).map(({ status }) => status);
    assert.ok(
      statuses.every((status) => status === 'stopped' || status === 'not-running'),
      statuses.join(),
    );
    assert.equal(readIdentity(pid), undefined);
  });

  void it('gives up a start that is under way', async (t) => {
    const bench = new Bench(t);
    const { daemon } = bench.make(SERVER, { minUptimeMs: LONG_MS });
    const start = daemon.start();
    const pid = daemon.proc?.pid;
    assert.deepEqual(await daemon.stop(), { status: 'stopped', pid });
    assert.deepEqual(await start, { status: 'cancelled' });
    const again = daemon.start();
    const stop = daemon.stop();
    const later = daemon.start({ minUptimeMs: 0 });
    assert.deepEqual(await again, { status: 'cancelled' });
    assert.equal((await stop).status, 'stopped');
    assert.equal((await later).status, 'started', 'calls are carried out in their order');
  });

  void it('finds the process although its PID file was removed', async (t) => {
    const bench = new Bench(t);
    const { daemon, log } = bench.make(SERVER);
    const { pid } = started(await daemon.start());
    rmSync(daemon.pidFile);
    assert.deepEqual(await daemon.start(), { status: 'running', pid });
    assert.equal(readFileSync(daemon.pidFile, 'utf8').split('\n')[0], String(pid));
    assert.equal(log.filter(([level]) => level === 'warn').length, 1);
    rmSync(daemon.pidFile);
    assert.deepEqual(await daemon.stop(), { status: 'stopped', pid });
  });

  void it('removes the PID file of a process that ended by itself', async (t) => {
    const bench = new Bench(t);
    const { daemon, ready } = bench.make(SERVER);
    const { pid } = started(await daemon.start());
    await ready();
    const exit = next(daemon, 'exit');
    process.kill(pid, 'SIGINT');
    assert.deepEqual(await exit, [{ pid, code: null, signal: 'SIGINT' }]);
    await until('the PID file is gone', () => readdirSync(bench.runDir).length === 0);
  });
});

void describe('restart', () => {
  /** Notes when it begins, and when it ends, some time after SIGTERM. */
  const SLOW = `const note = (what) => require('fs').appendFileSync(process.env.NOTES, what + '\\n');
    process.on('SIGTERM', () => setTimeout(() => { note('end'); process.exit(); }, 200));
    setInterval(() => {}, 1000);
    note('begin');
    require('fs').writeFileSync(process.env.READY, 'ready');`;

  void it('starts the next process after the end of the one before', async (t) => {
    const bench = new Bench(t);
    const env = bench.env({
      NOTES: path.join(bench.dir, 'notes'),
      READY: path.join(bench.dir, 'shop.ready'),
    });
    const { daemon, ready } = bench.make(SLOW, { env });
    const first = started(await daemon.restart());
    await ready();
    const restart = daemon.restart();
    assert.equal(daemon.restart(), restart, 'two at once are one');
    const second = started(await restart);
    await ready();
    assert.notEqual(second.pid, first.pid);
    await daemon.stop();
    assert.equal(bench.read('notes'), 'begin\nend\nbegin\nend\n');
  });

  void it('starts nothing any more when stop is called while it is under way', async (t) => {
    const bench = new Bench(t);
    const env = bench.env({
      NOTES: path.join(bench.dir, 'notes'),
      READY: path.join(bench.dir, 'shop.ready'),
    });
    const { daemon, ready } = bench.make(SLOW, { env });
    const { pid } = started(await daemon.start());
    await ready();
    const restart = daemon.restart();
    const stop = daemon.stop();
    assert.deepEqual(await stop, { status: 'stopped', pid });
    assert.deepEqual(await restart, { status: 'cancelled' });
    assert.equal(bench.read('notes'), 'begin\nend\n');
    assert.deepEqual(bench.processes(), []);
  });

  void it('is done again when it is called after the new process was started', async (t) => {
    const bench = new Bench(t);
    const { daemon } = bench.make(SERVER, { minUptimeMs: LONG_MS });
    const first = daemon.restart();
    await until('the process', () => daemon.isOurDaemon());
    const { pid } = daemon;
    const second = daemon.restart();
    await until('the next process', () => daemon.isOurDaemon() && daemon.pid !== pid);
    assert.deepEqual(await first, { status: 'cancelled' });
    const stopped = daemon.pid;
    assert.deepEqual(await daemon.stop(), { status: 'stopped', pid: stopped });
    assert.deepEqual(await second, { status: 'cancelled' });
  });
});

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
    const line = next(daemon, 'stdout');
    const { pid } = started(await daemon.start());
    await line;
    await daemon.stop();
    assert.deepEqual(log, [
      ['info', `shop: started, process ${pid}`],
      ['info', 'shop: hello'],
      ['info', `shop: process ${pid} ended with 0`],
      ['info', `shop: stopped, process ${pid}`],
    ]);
    assert.deepEqual(
      events.map(([topic, data]) => [topic.slice('daemon.shop.'.length), data]),
      [
        ['started', { pid }],
        ['stdout', 'hello'],
        ['exit', { pid, code: 0, signal: null }],
        ['stopped', { status: 'stopped', pid }],
      ],
    );
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

/** A program with a detached daemon of ./server.js, and what it does with that. */
function program(body: string, options = `{ detached: true }, false, { log: {} }`): string {
  return `const Daemon = require('@vhostd/daemonize');
    const daemon = new Daemon('shop', './server.js', ${options});
    (async () => { ${body} })();`;
}

/** What the next event of that name carries. */
function next(daemon: Daemon, event: keyof DaemonEvents): Promise<unknown[]> {
  return new Promise((resolve) => daemon.once(event, (...args: unknown[]) => resolve(args)));
}

function started(result: { status: string; pid?: number }): { pid: number } {
  assert.equal(result.status, 'started');
  return { pid: result.pid ?? 0 };
}

function identityOf(pid: number): ProcessIdentity {
  const identity = readIdentity(pid);
  assert.ok(identity !== undefined, `no process ${pid}`);
  return identity;
}

function content({ pid, startTime, bootId }: ProcessIdentity): string {
  return `${pid}\n${startTime}\n${bootId}\n`;
}

function narrowed(error: unknown): { code: unknown; message: string; info: Record<string, unknown> } {
  assert.ok(error instanceof Error && 'code' in error && 'info' in error);
  assert.ok(typeof error.info === 'object' && error.info !== null);
  return { code: error.code, message: error.message, info: { ...error.info } };
}
