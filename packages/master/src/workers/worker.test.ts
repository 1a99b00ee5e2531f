import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { ReadingShare } from '@vhostd/transport';
import { parseSite } from '../conf/parse-conf.js';
import { MasterEvents } from '../events.js';
import type { EventName } from '../events.js';
import type { Connection } from '../ingress/connection.js';
import { SiteLogs } from '../logs/site-logs.js';
import { BootGate } from './boot-gate.js';
import { FakeSpawner } from './fake-spawner.test.kit.js';
import { WorkerFiles } from './worker-files.js';
import { Worker } from './worker.js';

class Bench {
  readonly spawner = new FakeSpawner();
  readonly worker: Worker;
  /** What has been emitted by all workers, as `name detail`. */
  readonly log: string[] = [];
  readonly #events = new MasterEvents();
  readonly #site = {
    siteId: 'a',
    logs: new SiteLogs({ siteId: 'shop' }),
    readingShare: new ReadingShare(),
    ingress: {
      serve: () => undefined,
      look: () => undefined,
      takesHandedBack: true,
      takesUnread: true,
      stopped: false,
    },
    thaw: () => undefined,
  };

  constructor(t: TestContext, fields: Record<string, unknown> = {}) {
    const names = ['worker.spawned', 'worker.ready', 'worker.exited', 'worker.violation'] as const;
    for (const name of [
      ...names,
      'worker.spawn-failed',
      'worker.stats',
      'worker.also-listens',
    ] as EventName[]) {
      this.#events.on(name, (payload: object) => this.log.push(`${name} ${told(payload)}`.trim()));
    }
    this.worker = this.create(fields);
    t.after(async () => await this.worker.stop(true));
  }

  create(fields: Record<string, unknown> = {}): Worker {
    const conf = parseSite(
      { siteId: 'a', path: '/', restart: { backoffMin: '1ms', backoffMax: '1ms' }, ...fields },
      { baseDir: '/' },
    );
    const files = new WorkerFiles(conf);
    return new Worker({ site: this.#site, conf, slot: 0, generation: 2, files }, this.spawner, this.#events);
  }
}

/** What of a payload tells more than which worker it is about. */
function told(payload: object): string {
  const { detail, reason, expected, hint, residentBytes } = payload as Record<string, unknown>;
  const values = [detail, reason, expected, hint, residentBytes].filter((value) => value !== undefined);
  return values.map(String).join(' ');
}

const CONNECTION = { host: 'a.test' } as Connection;

test('it takes connections when it is ready, and not when it has been told to leave', async (t) => {
  const { worker, spawner } = new Bench(t);
  assert.equal(worker.takesConnections, false);
  worker.start();
  assert.deepEqual([worker.takesConnections, worker.booting], [false, true]);
  spawner.last.ready();
  assert.deepEqual([worker.takesConnections, worker.give(CONNECTION)], [true, true]);
  spawner.last.takesConnections = false;
  assert.equal(worker.takesConnections, false);
  spawner.last.takesConnections = true;
  spawner.last.busy = true;
  const gone = worker.drain();
  assert.deepEqual([worker.takesConnections, worker.status().state], [false, 'draining']);
  assert.deepEqual(spawner.last.asked, ['drain and hand back']);
  spawner.last.exit(0);
  await gone;
  assert.deepEqual([worker.resting, worker.status().state], [true, 'exited']);
});

test('each of its processes is reported from its spawn to its end', async (t) => {
  const bench = new Bench(t);
  bench.worker.start();
  bench.spawner.last.ready();
  await new Promise(setImmediate);
  await bench.worker.stop();
  assert.deepEqual(bench.log, [
    'worker.spawned',
    'worker.ready',
    'worker.stats 1',
    'worker.exited exited with code 0 true',
  ]);
});

test('an end is expected where it left in time and with exit code 0, or was to be killed', async (t) => {
  const ends: [how: string, end: (bench: Bench) => unknown, expected: boolean][] = [
    ['asked', ({ worker }) => worker.stop(), true],
    ['killed as asked', ({ worker }) => worker.stop(true), true],
    [
      'asked, and failed',
      ({ worker, spawner }) => {
        spawner.last.busy = true;
        void worker.stop();
        spawner.last.exit(1);
      },
      false,
    ],
    ['by itself', ({ spawner }) => spawner.last.exit(0), false],
  ];
  for (const [how, end, expected] of ends) {
    const bench = new Bench(t);
    bench.worker.start();
    bench.spawner.last.ready();
    await end(bench);
    const [exited] = bench.log.filter((line) => line.startsWith('worker.exited'));
    assert.equal(exited?.endsWith(String(expected)), true, how);
  }
});

test('one that the kernel ends for want of memory says so, with the limit of its site', (t) => {
  for (const [limits, reason] of [
    [
      { memory: '100mb' },
      'was ended by SIGKILL of the kernel for want of memory, as its site had reached limits.memory of 100mb',
    ],
    [{}, 'was ended by SIGKILL of the kernel for want of memory'],
  ] as const) {
    const { worker, spawner, log } = new Bench(t, { limits });
    worker.start();
    spawner.last.ready();
    spawner.last.oomKilled = true;
    spawner.last.exit(null, 'SIGKILL');
    assert.equal(worker.status().reason, reason);
    assert.ok(
      log.some((line) => line.startsWith('worker.exited') && line.includes(reason)),
      log.join(),
    );
    void worker.stop();
  }
});

test('one that ends is started again, and its status says of which process that takes the place', async (t) => {
  const { worker, spawner } = new Bench(t);
  worker.start();
  spawner.last.fail({ code: 'E_DATABASE', message: 'no database' });
  assert.deepEqual([worker.status().state, worker.status().reason], ['backoff', 'no database']);
  while (spawner.processes.length < 2) await new Promise((resolve) => setTimeout(resolve, 1));
  const { restarts, reason, workerId } = worker.status();
  assert.deepEqual([restarts, reason, workerId], [1, 'replaced a/1: no database', 'a/2']);
});

test('a process that the system does not start is reported by its place', (t) => {
  const bench = new Bench(t);
  bench.spawner.failure = new Error('EAGAIN');
  bench.worker.start();
  assert.deepEqual(bench.log, ['worker.spawn-failed could not be spawned: EAGAIN']);
});

test('one that breaks the rules is reported once and killed; an answer to a ping that tells nothing is such', async (t) => {
  for (const bad of [true, false]) {
    const bench = new Bench(t);
    bench.worker.start();
    const process = bench.spawner.last;
    if (bad) process.stats = { residentBytes: -1, requestCount: 0, cpuMs: 0 };
    process.ready();
    if (!bad) process.emit('violation', 'garbage');
    process.emit('violation', 'more of it');
    while (!process.ended) await new Promise(setImmediate);
    assert.deepEqual(process.asked, ['SIGKILL']);
    assert.equal(bench.log.filter((line) => line.startsWith('worker.violation')).length, 1);
    await bench.worker.stop(true);
  }
});

test('its end is told with what it said of itself, and a boot that takes too long with what is left undone', async (t) => {
  const slow = new Bench(t, { bootTimeout: '1ms' });
  const failures: unknown[] = [];
  slow.worker.on('exit', (failure, isSlow) => failures.push([failure, isSlow]));
  slow.worker.start();
  slow.spawner.last.emit('starting');
  while (failures.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  const message =
    'worker a/1 not ready within 1 ms: its server is set, but `started` has not resolved; was ended by SIGTERM';
  assert.deepEqual(failures[0], [{ code: 'ERR_WORKER_BOOT_TIMEOUT', message }, true]);
  const failed = new Bench(t);
  failed.worker.on('exit', (failure) => failures.push(failure));
  failed.worker.start();
  failed.spawner.last.fail({ code: 'E_DATABASE', message: 'no database' });
  assert.deepEqual(failures.at(-1), { code: 'E_DATABASE', message: 'no database' });
});

test('what is counted of a slot goes over to the worker that takes its place', (t) => {
  const bench = new Bench(t);
  bench.worker.start();
  const other = bench.create();
  other.start();
  other.replace(bench.worker, 'it was sent SIGTERM');
  const { replacements, reason } = other.status();
  assert.deepEqual([replacements, reason], [1, 'replaced a/1: it was sent SIGTERM']);
  bench.worker.outlive(other, 'request limit', 'no database');
  assert.equal(bench.worker.status().reason, 'request limit; its replacement failed: no database');
  void other.stop(true);
});

test("a server that is not the site's is reported, with what the conf should say where that is unclear", (t) => {
  const bench = new Bench(t);
  bench.worker.start();
  bench.spawner.last.emit('listens', { protocol: 'http', where: 'port 9118', shares: false });
  assert.deepEqual(bench.log.slice(1), [
    "worker.also-listens if this is the site's server, say so with appPort",
  ]);
  assert.deepEqual(bench.worker.status().alsoListens, ['http on port 9118']);
});

test('a worker that waits for its turn to boot shows as booting, and rests when it is stopped before', async (t) => {
  const bench = new Bench(t);
  const first = {};
  bench.spawner.boots = new BootGate(1);
  bench.spawner.boots.enter(first, () => undefined);
  let rested = 0;
  bench.worker.on('rested', () => (rested += 1));
  bench.worker.start();
  assert.deepEqual(
    [bench.worker.booting, bench.worker.resting, bench.worker.status().state],
    [true, false, 'booting'],
  );
  await bench.worker.stop();
  assert.deepEqual([bench.worker.resting, rested], [true, 1]);
  bench.spawner.boots.leave(first);
  await new Promise(setImmediate);
  assert.equal(bench.spawner.processes.length, 0);
});
