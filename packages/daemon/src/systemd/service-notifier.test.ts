// What systemd is told of a daemon's life, message by message, on a clock that the tests move.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ChildReason } from '@vhostd/supervisor';
import { EventEmitter } from 'eventemitter3';
import type { SiteOrdersEvents } from '../control/site-orders.js';
import type { LoadFailure } from '../daemon-options.js';
import { createLog } from '../log.js';
import type { MasterSlotEvents } from '../master/master-slot.js';
import { ServiceNotifier, serviceNotifier } from './service-notifier.js';

class Bench {
  readonly slot = new EventEmitter<MasterSlotEvents>();
  readonly orders = new EventEmitter<SiteOrdersEvents>();
  readonly notifier: ServiceNotifier;
  nowMs = 1000;
  #told: string[] = [];

  constructor(watchdogMs?: number) {
    const tell = (assignments: readonly string[]): void => void this.#told.push(assignments.join(' '));
    this.notifier = new ServiceNotifier({ socket: { tell }, watchdogMs, nowMs: () => this.nowMs });
    this.notifier.takeCharge(this.slot, this.orders);
  }

  /** What was told since this was last asked. */
  told(): string[] {
    return this.#told.splice(0);
  }

  load(...failed: string[]): void {
    const failure = (siteId: string): LoadFailure => ({
      siteId,
      error: Object.assign(new Error('it threw'), { code: 'ERR_SITE_BOOT' }),
    });
    this.slot.emit('loaded', failed.map(failure));
  }

  reload(outcome: Promise<unknown>): void {
    this.orders.emit('given', { method: 'POST', path: '/reload', body: {} }, outcome);
  }
}

const REASON: ChildReason = {
  what: 'exit',
  code: null,
  signal: 'SIGKILL',
  message: 'was ended by SIGKILL',
};
const REASONABLE = Promise.resolve({ sites: [{ siteId: 'a', ok: true }] });

void test('the daemon names itself, is ready when its sites are loaded, and says when it stops', () => {
  const bench = new Bench();
  assert.deepEqual(bench.told(), [`MAINPID=${process.pid} STATUS=loads the sites`]);
  bench.load();
  assert.deepEqual(bench.told(), ['READY=1 STATUS=serves every site']);
  bench.notifier.stopping();
  bench.notifier.stopping();
  bench.load();
  assert.deepEqual(bench.told(), ['STOPPING=1 STATUS=stops; its sites finish what they have']);
});

void test('a site that could not be loaded is named, and does not keep the service from being ready', () => {
  const bench = new Bench();
  bench.told();
  bench.load('b', 'c\nREADY=0');
  assert.deepEqual(bench.told(), ['READY=1 STATUS=serves, but could not load: b, c?READY=0']);
  bench.load();
  assert.deepEqual(bench.told(), ['READY=1 STATUS=serves every site']);
});

void test('a reload is told with its time, and once for all that run together', async () => {
  const bench = new Bench();
  bench.load();
  bench.told();
  let end: (value: unknown) => void = () => undefined;
  const slow = new Promise((resolve) => {
    end = resolve;
  });
  const before = process.hrtime.bigint() / 1000n;
  bench.reload(slow);
  bench.reload(REASONABLE);
  await REASONABLE;
  const [begun = '', ...more] = bench.told();
  assert.deepEqual(more, []);
  const [, at = ''] = /^RELOADING=1 MONOTONIC_USEC=(\d+) STATUS=reloads$/u.exec(begun) ?? [];
  assert.ok(BigInt(at) >= before && BigInt(at) <= process.hrtime.bigint() / 1000n, begun);
  end({ sites: [] });
  await new Promise(setImmediate);
  assert.deepEqual(bench.told(), ['READY=1 STATUS=serves every site']);
});

void test('a reload that fails, for a site or as a whole, shows in the status; another order is no reload', async () => {
  const bench = new Bench();
  bench.load();
  const failing = [() => Promise.resolve({ sites: [{ ok: false }] }), () => Promise.reject(new Error('no'))];
  for (const outcome of failing) {
    bench.told();
    bench.reload(outcome());
    await new Promise(setImmediate);
    assert.equal(bench.told()[1], 'READY=1 STATUS=serves every site; the last reload failed');
  }
  bench.orders.emit('given', { method: 'POST', path: '/sites/a/pause', body: {} }, REASONABLE);
  await new Promise(setImmediate);
  assert.deepEqual(bench.told(), []);
});

void test('while sites load more time is asked for, as long as the master answers; then it feeds the watchdog', () => {
  const bench = new Bench(60_000);
  bench.told();
  bench.slot.emit('spawned', 1);
  bench.slot.emit('answered');
  bench.nowMs += 10_000;
  bench.slot.emit('answered');
  assert.deepEqual(bench.told(), ['EXTEND_TIMEOUT_USEC=60000000', 'EXTEND_TIMEOUT_USEC=60000000']);
  bench.load();
  assert.deepEqual(bench.told(), ['READY=1 STATUS=serves every site', 'WATCHDOG=1']);
  const feeds: number[] = [];
  for (let second = 0; second < 60; second += 2, bench.nowMs += 2000) {
    bench.slot.emit('answered');
    if (bench.told().length > 0) feeds.push(second);
  }
  assert.deepEqual(feeds, [16, 32, 48]);
});

void test('a master that is replaced feeds the watchdog, one that is silent does not', () => {
  const bench = new Bench(60_000);
  bench.load();
  bench.told();
  bench.nowMs += 20_000;
  bench.slot.emit('exit', REASON);
  bench.nowMs += 20_000;
  bench.slot.emit('spawned', 2);
  assert.deepEqual(bench.told(), [
    'WATCHDOG=1',
    'STATUS=the master was ended by SIGKILL; the next one follows',
    'WATCHDOG=1',
  ]);
});

void test('without a limit there is no watchdog, and a daemon that was replaced names the next one, then says nothing', () => {
  const bench = new Bench();
  bench.load();
  bench.told();
  bench.slot.emit('answered');
  bench.notifier.replaced(4711);
  assert.deepEqual(bench.told(), ['MAINPID=4711']);
  bench.load();
  bench.slot.emit('exit', REASON);
  bench.notifier.stopping();
  assert.deepEqual(bench.told(), []);
});

void test('there is a notifier where the environment names a Unix socket, and it is no longer told whose the watchdog is', () => {
  const log = createLog('silent');
  assert.equal(serviceNotifier({}, log), undefined);
  assert.equal(serviceNotifier({ NOTIFY_SOCKET: 'vsock:2:1234' }, log), undefined);
  const env = { NOTIFY_SOCKET: '@name', WATCHDOG_PID: String(process.pid), WATCHDOG_USEC: '60000000' };
  assert.ok(serviceNotifier(env, log) instanceof ServiceNotifier);
  assert.deepEqual(Object.keys(env), ['NOTIFY_SOCKET', 'WATCHDOG_USEC']);
  const ofAnother = { NOTIFY_SOCKET: '/run/x', WATCHDOG_PID: '1', WATCHDOG_USEC: '60000000' };
  assert.ok(serviceNotifier(ofAnother, log) instanceof ServiceNotifier);
  assert.equal(ofAnother.WATCHDOG_PID, '1');
});
