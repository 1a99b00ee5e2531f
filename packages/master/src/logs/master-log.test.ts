import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pino } from 'pino';
import { MasterEvents } from '../events.js';
import type { EventName, EventPayloads } from '../events.js';
import { MasterLog } from './master-log.js';

/** The lines that are logged of one event, at all levels. */
function linesOf<Name extends EventName>(
  name: Name,
  payload: EventPayloads[Name],
): Record<string, unknown>[] {
  const lines: Record<string, unknown>[] = [];
  const options = {
    level: 'trace',
    base: {},
    timestamp: false,
    formatters: { level: (level: string) => ({ level }) },
  };
  const write = (line: string): void => void lines.push(JSON.parse(line) as Record<string, unknown>);
  const events = new MasterEvents();
  new MasterLog(pino(options, { write })).subscribe(events);
  (events as { emit(name: string, payload: unknown): boolean }).emit(name, payload);
  return lines;
}

const WORKER = { siteId: 'a', workerId: 'a/1', workerPid: 7, generation: 2 };
const EXIT = { ...WORKER, asked: true, what: 'exit', reason: 'exited with code 0' } as const;
const OUTCOME = { siteId: 'a', generation: 2 };

test('an end is information where a worker did as it was asked, else a warning', () => {
  const exited = { event: 'worker.exited', ...EXIT };
  assert.deepEqual(linesOf('worker.exited', { ...EXIT, expected: true }), [{ level: 'info', ...exited }]);
  assert.deepEqual(linesOf('worker.exited', { ...EXIT, expected: false }), [{ level: 'warn', ...exited }]);
});

test('a line has the event and its payload, but for what is for others than readers', () => {
  assert.deepEqual(linesOf('worker.spawned', { ...WORKER, leaveLimitMs: 5 }), [
    { level: 'info', event: 'worker.spawned', ...WORKER },
  ]);
  assert.deepEqual(linesOf('listener.failed', { key: '*|80', error: new Error('boom') }), [
    { level: 'error', event: 'listener.failed', key: '*|80', message: 'boom' },
  ]);
});

test('what a reload failed of is told without its stack', () => {
  const error = { code: 'E_BOOM', message: 'boom', stack: 'at nowhere' };
  assert.deepEqual(linesOf('site.reload.failed', { ...OUTCOME, error }), [
    { level: 'error', event: 'site.reload.failed', ...OUTCOME, code: 'E_BOOM', message: 'boom' },
  ]);
});

test('a step that leaves a site where it is, and what happens with each connection that is served, are not logged', () => {
  const step = { siteId: 'a', from: 'running', event: 'workers-settled', to: 'running' };
  assert.deepEqual(linesOf('site.state', step), []);
  assert.deepEqual(linesOf('site.state', { ...step, to: 'idle' }), [
    {
      level: 'debug',
      event: 'site.state',
      siteId: 'a',
      from: 'running',
      step: 'workers-settled',
      to: 'idle',
    },
  ]);
  assert.deepEqual(linesOf('connection.accepted', { key: 'l', secure: false }), []);
});

test('a transport that is not the one that was wanted is a warning', () => {
  assert.equal(
    linesOf('handoff.chosen', { type: 'ipc', handsBack: true, reason: 'no pipe' })[0]?.['level'],
    'warn',
  );
  assert.equal(linesOf('handoff.chosen', { type: 'pipe', handsBack: true })[0]?.['level'], 'debug');
});
