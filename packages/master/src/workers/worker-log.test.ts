import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pino } from 'pino';
import type { Slot } from './slot.js';
import { WorkerLog } from './worker-log.js';

/** Slots made of notes, and the lines that are logged of them. */
class Bench {
  readonly lines: Record<string, unknown>[] = [];
  readonly log: WorkerLog;

  constructor() {
    const write = (line: string): void => void this.lines.push(JSON.parse(line) as Record<string, unknown>);
    const logger = pino(
      { base: {}, timestamp: false, formatters: { level: (level) => ({ level }) } },
      { write },
    );
    this.log = new WorkerLog(() => logger);
  }

  slot(workerId: string, notes: Partial<Slot> = {}): Slot {
    const identity = { siteId: 'a', workerId, generation: 2 };
    const worker = { identity, process: { pid: 7 } };
    return { conf: { siteId: 'a' }, slot: 0, generation: 2, worker, workerId, ...notes } as unknown as Slot;
  }

  /** The only line. */
  get line(): Record<string, unknown> | undefined {
    assert.equal(this.lines.length, 1);
    return this.lines[0];
  }
}

const WORKER = { siteId: 'a', workerId: 'a/1', workerPid: 7, generation: 2 };
const LEFT = { what: 'exit', code: 0, signal: null, message: 'exited with code 0' } as const;
const KILLED = { what: 'exit', code: null, signal: 'SIGKILL', message: 'was ended by SIGKILL' } as const;
const IN_TIME = { overdue: false };

test('an end is information where a worker did as it was asked, else a warning', () => {
  const cases = [
    { asked: 'in time', reason: LEFT, level: 'info' },
    { asked: 'in time', reason: { ...LEFT, code: 1 }, level: 'warn' },
    { asked: 'in time', reason: KILLED, level: 'warn' },
    { asked: 'in time', reason: { ...LEFT, what: 'boot-limit' }, level: 'warn' },
    { asked: 'at once', reason: KILLED, level: 'info' },
    { asked: undefined, reason: LEFT, level: 'warn' },
  ] as const;
  for (const { asked, reason, level } of cases) {
    const bench = new Bench();
    bench.log.ended(bench.slot('a/1', { asked }), reason, IN_TIME);
    const { message } = reason;
    const expected = {
      level,
      event: 'worker.exited',
      ...WORKER,
      asked: asked !== undefined,
      reason: message,
    };
    assert.deepEqual(bench.line, expected);
  }
});

test('of a worker that was killed since it did not leave in time, and of one that said why, that is told', () => {
  const late = new Bench();
  late.log.ended(late.slot('a/1', { asked: 'in time' }), KILLED, { overdue: true });
  assert.equal(late.line?.['reason'], 'it did not leave in time; was ended by SIGKILL');
  const failed = new Bench();
  const failure = { code: 'E_DATABASE', message: 'no database' };
  failed.log.ended(failed.slot('a/1', { failure }), { ...LEFT, code: 1 }, IN_TIME);
  assert.deepEqual([failed.line?.['code'], failed.line?.['message']], ['E_DATABASE', 'no database']);
});

test('a process that could not be spawned is told of by its place', () => {
  const bench = new Bench();
  const reason = {
    what: 'spawn-failed',
    code: null,
    signal: null,
    message: 'could not be spawned: EAGAIN',
  } as const;
  bench.log.ended(bench.slot('a/1'), reason, IN_TIME);
  assert.deepEqual(bench.line, {
    level: 'warn',
    event: 'worker.spawn-failed',
    siteId: 'a',
    slot: 0,
    generation: 2,
    reason: 'could not be spawned: EAGAIN',
  });
});

test('a replacement is told of the old worker, with the new one and why', () => {
  const done = new Bench();
  done.log.replaced(done.slot('a/1'), done.slot('a/2'), 'it was sent SIGTERM');
  const by = 'a/2';
  const reason = 'it was sent SIGTERM';
  assert.deepEqual(done.line, { level: 'info', event: 'worker.replaced', ...WORKER, by, reason });
  const failed = new Bench();
  failed.log.replacementFailed(failed.slot('a/1'), failed.slot('a/2'), { reason, message: 'no database' });
  const expected = { level: 'warn', event: 'worker.replacement-failed', ...WORKER, by, reason };
  assert.deepEqual(failed.line, { ...expected, message: 'no database' });
});
