// When a program is started, ended and started anew: without a process, a file or a clock.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FakeFiles, FakeProgram, FakeTime } from './fake-machine.test.kit.js';
import { WatchedProgram } from './watched-program.js';
import type { WatchedProgramOptions } from './watched-program.js';

/** A watched program, what it did, and what it runs on. */
class Bench {
  readonly time = new FakeTime();
  readonly files = new FakeFiles(this.time);
  readonly programs: FakeProgram[] = [];
  readonly log: string[] = [];
  readonly watched: WatchedProgram;
  /** What the next programs die of. */
  diesOf: readonly string[] = ['SIGTERM', 'SIGKILL', 'SIGINT', 'SIGHUP', 'SIGQUIT'];
  pids: (number | undefined)[] = [];
  code: number | undefined;

  constructor(options: Partial<WatchedProgramOptions> = {}) {
    this.watched = new WatchedProgram({
      os: this.time,
      files: this.files,
      spawn: () => {
        const pid = this.pids.length > 0 ? this.pids.shift() : this.programs.length + 1;
        const program = new FakeProgram(pid, this.diesOf);
        this.programs.push(program);
        return program;
      },
      ...options,
    });
    this.watched.on('restarting', (cause) => this.log.push(cause === 'asked' ? 'asked' : cause.paths.join()));
    this.watched.on('started', (pid, sinceMs) => this.log.push(`started ${pid} ${sinceMs ?? '-'}`));
    this.watched.on('ended', (_reason, nextInMs) => this.log.push(`ended ${nextInMs ?? '-'}`));
    this.watched.on('left-behind', (count) => this.log.push(`left ${count}`));
    this.watched.on('changes-itself', (paths, delayMs) => this.log.push(`itself ${paths.join()} ${delayMs}`));
    this.watched.on('leaving', (pid) => this.log.push(`leaving ${pid}`));
    this.watched.on('stuck', (pid) => this.log.push(`stuck ${pid}`));
    void this.watched.over.then(({ code }) => (this.code = code));
  }

  get program(): FakeProgram {
    const last = this.programs.at(-1);
    if (last === undefined) throw new Error('nothing was spawned');
    return last;
  }

  started(): this {
    this.watched.start();
    return this;
  }
}

void describe('a start', () => {
  void test('comes at once, and nothing else does', () => {
    const bench = new Bench();
    bench.files.change('early.js');
    assert.equal(bench.programs.length, 0);
    bench.watched.start();
    assert.deepEqual(bench.log, ['started 1 -']);
    assert.equal(bench.watched.pid, 1);
  });

  void test('waits while a file is being written', () => {
    const bench = new Bench();
    bench.files.write();
    bench.watched.start();
    assert.equal(bench.programs.length, 0);
    bench.files.settle('a.js');
    assert.equal(bench.programs.length, 1);
  });
});

void describe('a change', () => {
  void test('ends the program and starts the next one when it is gone, and tells how long that took', () => {
    const bench = new Bench().started();
    bench.diesOf = [];
    const [first] = bench.programs;
    bench.time.advance(3000);
    bench.files.write();
    bench.time.advance(200);
    bench.files.settle('a.js');
    assert.deepEqual(first?.received, ['ask']);
    assert.deepEqual(bench.log, ['started 1 -', 'a.js', 'started 2 200']);
  });

  void test('never leads to two programs at a time, however often it happens meanwhile', () => {
    const bench = new Bench();
    bench.diesOf = [];
    bench.started();
    bench.time.advance(5000);
    bench.files.change('a.js');
    bench.files.change('b.js');
    bench.watched.restart();
    assert.equal(bench.programs.length, 1);
    bench.program.exit(0);
    assert.equal(bench.programs.length, 2);
    bench.time.advance(60_000);
    assert.equal(bench.programs.length, 2);
  });

  void test('that begins while the program is being ended delays the next one until it is written', () => {
    const bench = new Bench();
    bench.diesOf = [];
    bench.started();
    bench.files.change('a.js');
    bench.files.write();
    bench.program.exit(0);
    assert.equal(bench.watched.state, 'due');
    bench.files.settle('b.js');
    assert.equal(bench.programs.length, 2);
  });

  void test('that comes to nothing ends no program, and lets a start that is due go on', () => {
    const bench = new Bench().started();
    bench.files.write();
    bench.files.settle();
    assert.equal(bench.programs.length, 1);
    bench.files.write();
    bench.watched.restart();
    assert.equal(bench.watched.state, 'due');
    bench.files.settle();
    assert.equal(bench.programs.length, 2);
  });

  void test('in a half-written file starts nothing when the program ends of it', () => {
    const bench = new Bench().started();
    bench.files.write();
    bench.program.exit(1);
    bench.time.advance(10_000);
    assert.equal(bench.programs.length, 1);
    bench.files.settle('a.js');
    assert.equal(bench.programs.length, 2);
  });

  void test('of the same file right after each start waits longer and longer from the fourth on', () => {
    const bench = new Bench().started();
    for (let count = 0; count < 3; count += 1) bench.files.change('data.js');
    assert.equal(bench.programs.length, 4);
    bench.files.change('data.js');
    assert.equal(bench.log.at(-1), 'itself data.js 1000');
    bench.time.advance(999);
    assert.equal(bench.programs.length, 4);
    bench.time.advance(1);
    assert.equal(bench.programs.length, 5);
    bench.files.change('data.js');
    assert.equal(bench.log.at(-1), 'itself data.js 2000');
    bench.files.change('other.js');
    assert.equal(bench.programs.length, 6);
  });
});

void describe('an end of the program', () => {
  void test('leads to the next start after a delay that grows up to 10 s, and anew after 10 s of being up', () => {
    const bench = new Bench().started();
    const delays: string[] = [];
    for (let count = 0; count < 8; count += 1) {
      bench.program.exit(1);
      delays.push(bench.log.at(-1) ?? '');
      bench.time.advance(10_000);
    }
    assert.deepEqual(
      delays,
      ['200', '400', '800', '1600', '3200', '6400', '10000', '10000'].map((ms) => `ended ${ms}`),
    );
    bench.time.advance(10_000);
    bench.program.exit(0);
    assert.equal(bench.log.at(-1), 'ended 200');
  });

  void test('is followed by a start at once when a file changes, whose delays begin anew', () => {
    const bench = new Bench().started();
    bench.program.exit(1);
    bench.time.advance(200);
    bench.program.exit(1);
    bench.files.change('a.js');
    assert.equal(bench.programs.length, 3);
    bench.program.exit(1);
    assert.equal(bench.log.at(-1), 'ended 200');
    assert.equal(bench.time.timerCount, 1);
  });

  for (const [noRestartOn, code, isHeld] of [
    ['error', 1, true],
    ['error', 0, false],
    ['success', 0, true],
    ['success', 1, false],
    ['exit', 0, true],
    ['exit', 1, true],
    [undefined, 0, false],
    [undefined, 1, false],
  ] as const) {
    void test(`with code ${code} and -n ${noRestartOn ?? '(none)'} ${isHeld ? 'waits for a change' : 'restarts'}`, () => {
      const bench = new Bench({ noRestartOn }).started();
      bench.program.exit(code);
      bench.time.advance(60_000);
      assert.equal(bench.programs.length, isHeld ? 1 : 2);
      bench.files.change('a.js');
      assert.equal(bench.watched.state, 'running');
    });
  }

  void test('by a signal counts as an error', () => {
    const bench = new Bench({ noRestartOn: 'error' }).started();
    bench.program.exit(null, 'SIGSEGV');
    assert.equal(bench.watched.state, 'waiting');
  });

  void test('that leaves others behind is no end until they are gone, and they are killed at the limit', () => {
    const bench = new Bench();
    bench.diesOf = ['SIGKILL'];
    bench.started();
    bench.program.leaveBehind(2);
    assert.equal(bench.watched.state, 'running');
    bench.time.advance(4999);
    assert.deepEqual(bench.program.received, ['ask', 'all SIGTERM']);
    bench.time.advance(1);
    assert.equal(bench.program.received.at(-1), 'all SIGKILL');
    assert.equal(bench.watched.state, 'backoff');
  });

  void test('before it began is tried again, too', () => {
    const bench = new Bench();
    bench.pids = [undefined];
    bench.started();
    bench.program.fail('spawn EAGAIN');
    assert.deepEqual(bench.log, ['ended 200']);
    bench.time.advance(200);
    assert.deepEqual(bench.log, ['ended 200', 'started 2 -']);
  });
});

void describe('ending a program', () => {
  void test('is asked of it, then of all that it has started, then SIGKILL follows', () => {
    const bench = new Bench({ killTimeoutMs: 1000 });
    bench.diesOf = ['SIGKILL'];
    bench.started();
    bench.watched.restart();
    assert.deepEqual(bench.program.received, ['ask']);
    bench.time.advance(500);
    assert.deepEqual(bench.program.received, ['ask', 'all SIGTERM']);
    const [first] = bench.programs;
    bench.time.advance(500);
    assert.equal(first?.received.at(-1), 'all SIGKILL');
    assert.deepEqual(bench.log, ['started 1 -', 'asked', 'started 2 1000']);
  });

  void test('is SIGKILL at once with -k', () => {
    const bench = new Bench({ instantKill: true }).started();
    const [first] = bench.programs;
    bench.watched.restart();
    assert.deepEqual(first?.received, ['all SIGKILL']);
    assert.equal(bench.programs.length, 2);
  });

  void test('that the kernel does not bring about is told, and nothing is started beside it', () => {
    const bench = new Bench({ killTimeoutMs: 1000 });
    bench.diesOf = [];
    bench.started();
    bench.watched.restart();
    bench.time.advance(6000);
    assert.equal(bench.log.at(-1), 'stuck 1');
    assert.equal(bench.programs.length, 1);
  });
});

void describe('rs', () => {
  void test('restarts at once, out of a delay and out of waiting too', () => {
    const bench = new Bench({ noRestartOn: 'success' }).started();
    bench.watched.restart();
    assert.equal(bench.programs.length, 2);
    bench.program.exit(1);
    bench.watched.restart();
    assert.equal(bench.programs.length, 3);
    bench.program.exit(0);
    bench.watched.restart();
    assert.equal(bench.programs.length, 4);
  });
});

void describe('a signal to end', () => {
  void test('is passed on, and the code is that of the program', async () => {
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT'] as const) {
      const bench = new Bench();
      bench.diesOf = [];
      bench.started();
      bench.watched.quit(signal);
      assert.equal(bench.program.received[0], `leave ${signal}`);
      bench.files.change('a.js');
      bench.program.exit(7);
      await bench.watched.over;
      assert.equal(bench.code, 7, signal);
      assert.equal(bench.programs.length, 1);
    }
  });

  void test('gives 128 and its number if the program ends of it, or if there is no program', async () => {
    const bench = new Bench({ noRestartOn: 'exit' }).started();
    bench.watched.quit('SIGINT');
    assert.equal((await bench.watched.over).code, 130);
    const waiting = new Bench({ noRestartOn: 'exit' }).started();
    waiting.program.exit(3);
    waiting.watched.quit('SIGTERM');
    assert.equal((await waiting.watched.over).code, 143);
    assert.equal(waiting.time.timerCount, 0);
  });

  void test('of the terminal gives the program all the time that it wants, and says so; the second one kills', async () => {
    const bench = new Bench();
    bench.diesOf = ['SIGKILL'];
    bench.started();
    bench.watched.quit('SIGINT');
    bench.time.advance(600_000);
    assert.deepEqual(bench.program.received, ['leave SIGINT']);
    assert.equal(bench.log.at(-1), 'leaving 1');
    bench.watched.quit('SIGINT');
    assert.equal((await bench.watched.over).code, 137);
  });

  void test('that comes twice within 100 ms is one, as npm and the terminal both send it', () => {
    const bench = new Bench();
    bench.diesOf = ['SIGKILL'];
    bench.started();
    bench.watched.quit('SIGINT');
    bench.time.advance(99);
    bench.watched.quit('SIGINT');
    assert.equal(bench.watched.state, 'leaving');
    bench.time.advance(1);
    bench.watched.quit('SIGINT');
    assert.equal(bench.watched.state, 'over');
  });

  void test('other than SIGINT has a limit', async () => {
    const bench = new Bench();
    bench.diesOf = ['SIGKILL'];
    bench.started();
    bench.watched.quit('SIGTERM');
    bench.time.advance(5000);
    assert.equal((await bench.watched.over).code, 137);
  });

  void test('during a restart ends it, and no program follows', async () => {
    const bench = new Bench();
    bench.diesOf = [];
    bench.started();
    bench.watched.restart();
    bench.watched.quit('SIGINT');
    bench.program.exit(0);
    assert.equal((await bench.watched.over).code, 0);
    bench.time.advance(60_000);
    assert.equal(bench.programs.length, 1);
  });
});
