// What lies where a PID file or a log file belongs, and was put there by somebody else or by an accident.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { isAlive, readIdentity } from '@vhostd/supervisor';
import type { ProcessIdentity } from '@vhostd/supervisor';
import { Bench, SERVER, until } from './bench.test.kit.js';
import { filesOf } from './daemon-files.js';
import { DaemonRecord } from './daemon-record.js';
import type { Recorded } from './daemon-record.js';
import { Daemon } from './index.js';

const asRoot = { skip: process.getuid?.() === 0 ? false : 'needs root to make another user’s files' };

void describe('a PID file', () => {
  void it('that is a symbolic link, a directory or a named pipe is neither believed nor touched', async (t) => {
    const bench = new Bench(t);
    const victim = await sleeper(bench);
    const { daemon } = bench.make(SERVER);
    mkdirSync(bench.runDir, { mode: 0o700 });
    const target = bench.write('target', content(victim));
    const makers = [
      () => symlinkSync(target, daemon.pidFile),
      () => mkdirSync(daemon.pidFile),
      () => void execFileSync('mkfifo', [daemon.pidFile]),
    ];
    for (const make of makers) {
      make();
      for (const act of [() => daemon.start(), () => daemon.stop(), () => daemon.restart()])
        await assert.rejects(act, { code: 'ERR_DAEMONIZE_PID_FILE', message: /symbolic link|regular file/ });
      assert.equal(daemon.pid, undefined);
      assert.equal(lstatSync(daemon.pidFile).isFile(), false, 'it is left as it was');
      rmSync(daemon.pidFile, { recursive: true });
    }
    assert.equal(readFileSync(target, 'utf8'), content(victim));
    assert.equal(isAlive(victim), true);
  });

  void it('of another user is neither believed nor touched', asRoot, async (t) => {
    const bench = new Bench(t);
    const victim = await sleeper(bench);
    const { daemon } = bench.make(SERVER);
    mkdirSync(bench.runDir, { mode: 0o700 });
    writeFileSync(daemon.pidFile, content(victim));
    chownSync(daemon.pidFile, 65_534, 65_534);
    await assert.rejects(daemon.stop(), { code: 'ERR_DAEMONIZE_PID_FILE', message: /uid 65534/ });
    await assert.rejects(daemon.start(), { code: 'ERR_DAEMONIZE_PID_FILE' });
    assert.equal(isAlive(victim), true);
    assert.equal(readFileSync(daemon.pidFile, 'utf8'), content(victim));
  });

  void it('in a directory that others may write to, or that is another’s, is not looked at', async (t) => {
    const bench = new Bench(t);
    const victim = await sleeper(bench);
    const { daemon } = bench.make(SERVER);
    mkdirSync(bench.runDir);
    writeFileSync(daemon.pidFile, content(victim));
    for (const mode of [0o770, 0o707, 0o1777]) {
      chmodSync(bench.runDir, mode);
      for (const act of [() => daemon.start(), () => daemon.stop()])
        await assert.rejects(act, { code: 'ERR_RUN_DIR_UNSAFE' });
      assert.equal(lstatSync(bench.runDir).mode & 0o7777, mode, 'it is left as it was');
    }
    chmodSync(bench.runDir, 0o755);
    assert.equal(daemon.pid, victim.pid);
    assert.equal(isAlive(victim), true);
  });

  void it('that a killed writer began is nobody’s, and goes with the next start', async (t) => {
    const bench = new Bench(t);
    const { daemon } = bench.make(SERVER);
    const left = await sleeper(bench);
    const { pid: dead } = await bench.run('nothing.js', '');
    mkdirSync(bench.runDir, { mode: 0o700 });
    writeFileSync(`${daemon.pidFile}.${dead}.tmp`, content(left));
    assert.deepEqual(await daemon.stop(), { status: 'not-running' });
    assert.equal((await daemon.start()).status, 'started');
    assert.deepEqual(readdirSync(bench.runDir), ['shop.pid']);
    assert.equal(isAlive(left), true);
  });
});

void describe('a program that is killed while it starts a process', () => {
  const START = `const Daemon = require('@vhostd/daemonize');
    new Daemon('shop', './server.js', { detached: true }).start();`;
  /** Kills the program when it is about to call a function, or has called it. */
  const killAt = (module: string, name: string, when: 'before' | 'after'): string => `
    const target = require('${module}');
    const original = target.${name};
    const die = () => { process.kill(process.pid, 'SIGKILL'); for (;;); };
    target.${name} = (...args) => {
      if ('${when}' === 'before' && String(args[0]).includes('shop')) die();
      const result = original(...args);
      if (String(args[0]).includes('shop') || '${name}' === 'spawn') die();
      return result;
    };
    require('node:module').syncBuiltinESMExports();`;
  const instants: [what: string, preload: string, started: boolean][] = [
    ['before it has started one', killAt('node:fs', 'mkdirSync', 'after'), false],
    ['when it has started one', killAt('node:child_process', 'spawn', 'after'), true],
    ['before the PID file has its name', killAt('node:fs', 'linkSync', 'before'), true],
    ['when the PID file has its name', killAt('node:fs', 'linkSync', 'after'), true],
  ];
  for (const [what, preload, runs] of instants)
    void it(`${what}, leaves none that the next start or stop does not find`, async (t) => {
      const bench = new Bench(t);
      bench.write('server.js', SERVER);
      const file = bench.write('preload.cjs', preload);
      for (const act of ['start', 'stop'] as const) {
        const { signal, output } = await bench.run('start.js', START, { NODE_OPTIONS: `--require=${file}` });
        assert.equal(signal, 'SIGKILL', output);
        const { daemon } = bench.make(SERVER);
        const [pid] = bench.processes();
        assert.equal(pid !== undefined, runs);
        if (act === 'start') {
          const { status } = await daemon.start();
          assert.equal(status, runs ? 'running' : 'started');
          assert.equal(daemon.pid, bench.processes()[0]);
          assert.equal(bench.processes().length, 1);
        }
        const expected = act === 'start' || runs ? 'stopped' : 'not-running';
        assert.equal((await daemon.stop()).status, expected);
        assert.deepEqual(bench.processes(), []);
      }
    });
});

void describe('a PID file that cannot be written', () => {
  void it('leaves no process behind', async (t) => {
    const bench = new Bench(t);
    const { daemon } = bench.make(SERVER);
    mkdirSync(`${daemon.pidFile}.${process.pid}.tmp`, { recursive: true, mode: 0o700 });
    await assert.rejects(daemon.start(), {
      code: 'ERR_DAEMONIZE_PID_FILE',
      message: /cannot write .*EEXIST/,
    });
    assert.equal(daemon.proc, null);
    await until('its process is gone', () => bench.processes().length === 0);
  });

  void it('leaves one process where another program was quicker', (t) => {
    const bench = new Bench(t);
    const runDir = bench.runDir;
    const record = new DaemonRecord(runDir, filesOf('shop', { runDir, logDir: runDir }));
    record.tryLock()?.();
    const self = readIdentity(process.pid);
    const other = readIdentity(process.ppid);
    assert.ok(self !== undefined && other !== undefined);
    const killed: number[] = [];
    const run = (identity: ProcessIdentity): Recorded => ({
      identity,
      child: { kill: () => killed.push(identity.pid) > 0 },
    });
    const first = run(other);
    assert.equal(
      record.create(() => first),
      first,
    );
    assert.equal(
      record.create(() => first),
      first,
      'its note was found, and its PID file written',
    );
    assert.equal(
      record.create(() => run(self)),
      other.pid,
    );
    assert.deepEqual(killed, [self.pid]);
    assert.deepEqual(record.get(), other);
    assert.deepEqual(readdirSync(runDir), ['shop.pid']);
  });
});

void describe('the run directory', () => {
  void it('is refused where it cannot be made', async (t) => {
    const bench = new Bench(t);
    const file = bench.write('file', '');
    for (const runDir of [path.join(file, 'run'), '/proc/vhostd/run']) {
      const { daemon } = bench.make(SERVER, { runDir });
      await assert.rejects(daemon.start(), { code: 'ERR_RUN_DIR_FAILED' });
    }
    const { daemon } = bench.make(SERVER, { runDir: file });
    await assert.rejects(daemon.start(), { code: 'ERR_RUN_DIR_UNSAFE' });
    assert.deepEqual(bench.processes(), []);
  });
});

void describe('a log file', () => {
  void it('that is a symbolic link or another user’s is not written to, and nothing is started', async (t) => {
    const bench = new Bench(t);
    const { daemon } = bench.make(SERVER, { detached: true }, true);
    const target = bench.write('target', 'kept');
    mkdirSync(bench.runDir, { mode: 0o700 });
    symlinkSync(target, daemon.logFiles.stderr);
    await assert.rejects(daemon.start(), { code: 'ERR_DAEMONIZE_LOG', message: /shop\.err\.log/ });
    assert.equal(readFileSync(target, 'utf8'), 'kept');
    assert.equal(readlinkSync(daemon.logFiles.stderr), target);
    rmSync(daemon.logFiles.stderr);
    execFileSync('mkfifo', [daemon.logFiles.stderr]);
    await assert.rejects(daemon.start(), { code: 'ERR_DAEMONIZE_LOG' });
    rmSync(daemon.logFiles.stderr);
    if (process.getuid?.() === 0) {
      writeFileSync(daemon.logFiles.stderr, '');
      chownSync(daemon.logFiles.stderr, 65_534, 65_534);
      await assert.rejects(daemon.start(), { code: 'ERR_DAEMONIZE_LOG', message: /uid 65534/ });
    }
    assert.deepEqual(bench.processes(), []);
  });
});

void describe('a name', () => {
  void it('never leads out of the directory', (t) => {
    const bench = new Bench(t);
    const names: unknown[] = [
      '',
      '.',
      '..',
      '../x',
      'a/b',
      '/etc/x',
      'a\\b',
      '.x',
      '-rf',
      'a\0',
      'a\nb',
      '\u202Eabc',
    ];
    names.push('\uD800', 'x'.repeat(201), 'é'.repeat(101), undefined, null, 7, {});
    for (const name of names)
      assert.throws(() => new Daemon(name as string, 'x.js', { runDir: bench.runDir }), {
        code: 'ERR_DAEMONIZE_NAME',
      });
    assert.deepEqual(readdirSync(bench.dir), []);
    for (const name of ['a', 'a b', 'a..b', '_', '日本', 'x'.repeat(200)]) {
      const { pidFile } = new Daemon(name, 'x.js', { runDir: bench.runDir });
      assert.equal(path.dirname(pidFile), bench.runDir);
    }
  });
});

async function sleeper(bench: Bench): Promise<ProcessIdentity> {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], {
    env: bench.env(),
    stdio: 'ignore',
  });
  await once(child, 'spawn');
  const identity = readIdentity(child.pid ?? 0);
  assert.ok(identity !== undefined);
  return identity;
}

function content({ pid, startTime, bootId }: ProcessIdentity): string {
  return `${pid}\n${startTime}\n${bootId}\n`;
}
