import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { readFileSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { Bench, SERVER, until } from './bench.test.kit.js';
import { content, identityOf, narrowed, next, program } from './daemon-facts.test.kit.js';
import { Daemon } from './index.js';

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
