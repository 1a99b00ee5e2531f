import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import type { Link, Offers } from '@vhostd/transport';
import type { Connection, ReturnReason } from '../ingress/connection.js';
import { parseSite } from '../conf/parse-conf.js';
import { Handoff } from '../workers/handoff.js';
import { Dispatch } from './dispatch.js';
import type { CandidateWorker, DispatchSite } from './dispatch.js';

/** Workers and a site made of notes. */
class Bench implements DispatchSite {
  readonly log: string[] = [];
  /** How many connections each worker still takes. */
  readonly room: Record<string, number> = {};
  /** Workers that do not confirm what they were given. */
  readonly late = new Set<string>();
  /** Workers that have been given as many as they begin with in a moment. */
  readonly ahead = new Set<string>();
  /** Workers that have something to do. */
  readonly busy = new Set<string>();
  /** Workers whose server has as many connections as it takes. */
  readonly full = new Set<string>();
  unavailable = false;
  readonly answering = false;
  /** Hosts of connections that the site deals with when no worker can take them. */
  readonly answered = new Set<string>();
  readonly dispatch: Dispatch;

  constructor(conf: Record<string, unknown> = {}) {
    this.dispatch = new Dispatch(parseSite({ path: '/a', ...conf }, { baseDir: '/' }), this);
  }

  candidates(): CandidateWorker[] {
    return Object.keys(this.room).map((id, slot) => ({
      id,
      slot,
      connectionCount: 0,
      takesConnections: (this.room[id] ?? 0) > 0,
      full: this.full.has(id),
      late: this.late.has(id),
      ahead: this.ahead.has(id),
      idle: !this.busy.has(id) && !this.late.has(id),
      give: (connection: Connection) => this.#give(id, connection),
      retract: () => void this.log.push(`retract ${id}`),
    }));
  }

  serveWithoutWorker({ host }: Connection): boolean {
    this.log.push(`unserved ${host}`);
    return this.answered.has(host ?? '');
  }

  reject({ host }: Connection): void {
    this.log.push(`reject ${host}`);
  }

  dismiss({ host }: Connection): void {
    this.log.push(`dismiss ${host}`);
  }

  serve(...hosts: string[]): void {
    for (const host of hosts) this.dispatch.serve(from(host));
  }

  #give(id: string, { host }: Connection): boolean {
    const room = this.room[id] ?? 0;
    if (room === 0) return false;
    this.room[id] = room - 1;
    this.log.push(`${id} ${host}`);
    return true;
  }
}

function from(host: string, why?: ReturnReason): Connection {
  return {
    host,
    handle: { fd: -1 },
    ...(why === undefined ? {} : { returned: { why } }),
  } as unknown as Connection;
}

test('while paused new connections are held, whether there are workers or not, and then handed over in order', () => {
  const bench = new Bench();
  bench.room['w'] = 10;
  bench.dispatch.pause(60_000);
  bench.serve('a', 'b', 'c');
  bench.dispatch.flush();
  assert.deepEqual([bench.log, bench.dispatch.parkedCount, bench.dispatch.paused], [[], 3, true]);
  // One that a worker had and handed back is not new.
  bench.dispatch.serve(from('kept', 'handed-back'));
  assert.equal(bench.dispatch.resume(), 3);
  bench.serve('d');
  assert.deepEqual(bench.log, ['w kept', 'w a', 'w b', 'w c', 'w d']);
  assert.deepEqual([bench.dispatch.parkedCount, bench.dispatch.paused], [0, false]);
});

test('what no worker had room for is given as soon as one has begun with what it had', async () => {
  mock.timers.enable({ apis: ['setTimeout'] });
  try {
    const bench = new Bench();
    bench.room['w'] = 1;
    bench.serve('a', 'b', 'c');
    assert.deepEqual([bench.log, bench.dispatch.parkedCount], [['w a', 'unserved b', 'unserved c'], 2]);
    mock.timers.tick(1000);
    assert.equal(bench.dispatch.parkedCount, 2);
    bench.room['w'] = 1;
    bench.dispatch.advance();
    mock.timers.tick(1000);
    bench.room['w'] = 1;
    bench.dispatch.advance();
    mock.timers.tick(1000);
    assert.deepEqual([bench.log.slice(3), bench.dispatch.parkedCount], [['w b', 'w c'], 0]);
  } finally {
    mock.timers.reset();
  }
});

test('a worker whose server is full gets no more while another one has room; where all are full, any may drop it', () => {
  for (const balance of ['least', 'round-robin', 'ip-hash']) {
    const bench = new Bench({ balance });
    Object.assign(bench.room, { v: 10, w: 10 });
    bench.full.add('v');
    bench.serve('a', 'b', 'c');
    assert.deepEqual(bench.log, ['w a', 'w b', 'w c'], balance);
    // One that does not confirm, and has room, goes before one that has none.
    bench.late.add('w');
    bench.serve('d');
    assert.equal(bench.log.at(-1), 'w d', balance);
    bench.full.add('w');
    bench.serve('e', 'f');
    assert.equal(bench.log.length, 6, balance);
  }
});

test('a worker that does not confirm what it has gets no more while another one does', () => {
  const bench = new Bench();
  Object.assign(bench.room, { v: 10, w: 2 });
  bench.late.add('v');
  bench.serve('a', 'b', 'c');
  assert.deepEqual(bench.log, ['w a', 'w b', 'v c']);
  bench.late.add('w');
  bench.room['w'] = 1;
  bench.serve('d', 'e');
  assert.equal(bench.room['w'] + (bench.room['v'] ?? 0), 8);
  assert.deepEqual(bench.dispatch.parkedCount, 0);
});

test('what a late worker has not begun with is taken back where another one begins at once', () => {
  const bench = new Bench();
  Object.assign(bench.room, { v: 10, w: 1 });
  const relieve = (): string[] => {
    for (const worker of bench.candidates()) if (worker.id === 'v') bench.dispatch.relieve(worker);
    return bench.log.splice(0);
  };
  bench.late.add('v');
  assert.deepEqual(relieve(), ['retract v']);
  bench.dispatch.pause(60_000);
  assert.deepEqual(relieve(), []);
  bench.dispatch.resume();
  bench.busy.add('w');
  assert.deepEqual(relieve(), []);
  bench.busy.delete('w');
  bench.room['w'] = 0;
  assert.deepEqual(relieve(), []);
  bench.room['w'] = 1;
  bench.dispatch.setConf(parseSite({ path: '/a', balance: 'ip-hash' }, { baseDir: '/' }));
  assert.deepEqual(relieve(), []);
});

/** A worker whose process begins with one connection each time it is told to. */
class SlowWorker implements CandidateWorker {
  readonly id: string;
  readonly slot: number;
  readonly full = false;
  readonly ahead = false;
  readonly handoff: Handoff;
  readonly retracted: Connection[] = [];
  /** Numbers that the process has not claimed. */
  #offered: number[] = [];

  constructor(id: string, slot: number) {
    this.id = id;
    this.slot = slot;
    const link = { open: true, send: () => true } as unknown as Link;
    const offers = {
      offer: (number: number) => this.#offered.push(number) > 0,
      takeBack: () => new Set(this.#offered.splice(0)),
    } as unknown as Offers;
    this.handoff = new Handoff(link, offers);
  }

  get connectionCount(): number {
    return this.handoff.connectionCount;
  }

  get takesConnections(): boolean {
    return this.handoff.open;
  }

  get late(): boolean {
    return this.handoff.late;
  }

  get idle(): boolean {
    return this.handoff.pendingCount === 0;
  }

  give(connection: Connection): boolean {
    return this.handoff.give(connection);
  }

  retract(): void {
    this.retracted.push(...this.handoff.retract());
  }

  begin(): void {
    const number = this.#offered.shift();
    const confirmation = Buffer.alloc(8);
    confirmation.writeUInt32BE(number ?? 0);
    if (number !== undefined) this.handoff.onAccepted(confirmation);
  }
}

test('where all workers are busy no connection goes from one to another, however late; once one is idle they do', (t) => {
  let nowMs = 1000;
  const clock = mock.method(performance, 'now', () => nowMs);
  t.after(() => clock.mock.restore());
  const workers = [new SlowWorker('v', 0), new SlowWorker('w', 1)] as const;
  const dispatch: Dispatch = new Dispatch(parseSite({ path: '/a' }, { baseDir: '/' }), {
    candidates: () => workers,
    unavailable: false,
    answering: false,
    serveWithoutWorker: () => false,
    reject: () => assert.fail('rejected'),
    dismiss: () => assert.fail('dismissed'),
  });
  const relieve = (): void => {
    for (const worker of workers) if (worker.late) dispatch.relieve(worker);
  };
  const handle = { fd: -1, close: () => undefined };
  const queued = (): Connection =>
    ({ host: 'a', handle, head: '', listener: { key: 'any' } }) as unknown as Connection;
  for (let count = 0; count < 24; count += 1) dispatch.serve(queued());
  // Each takes 20 ms for one: from the third on they are late, and not one of them is begun with sooner elsewhere.
  for (let round = 0; round < 40; round += 1) {
    nowMs += 20;
    for (const worker of workers) worker.begin();
    for (let count = 0; count < 2; count += 1) dispatch.serve(queued());
    relieve();
  }
  assert.deepEqual(
    workers.map(({ late, retracted }) => [late, retracted.length]),
    [
      [true, 0],
      [true, 0],
    ],
  );
  const [stuck, quick] = workers;
  while (!quick.idle) quick.begin();
  const waiting = stuck.handoff.pendingCount;
  relieve();
  assert.deepEqual([waiting > 0, stuck.retracted.length, stuck.idle], [true, waiting, true]);
});

test('where a client belongs to one worker, it waits for that one', () => {
  const chosen = (late: string[]): string => {
    const bench = new Bench({ balance: 'ip-hash' });
    Object.assign(bench.room, { v: 10, w: 10 });
    for (const id of late) bench.late.add(id);
    const handle = { fd: -1, getpeername: (peer: { address?: string }) => (peer.address = '192.0.2.7') };
    bench.dispatch.serve({ host: 'a', handle } as unknown as Connection);
    return bench.log.join();
  };
  assert.deepEqual([chosen(['v']), chosen(['w'])], [chosen([]), chosen([])]);
});

test('while each worker has some to begin with, connections wait a moment for whichever begins first', async () => {
  const bench = new Bench();
  Object.assign(bench.room, { v: 10, w: 10 });
  bench.ahead.add('v');
  bench.serve('a', 'b');
  assert.deepEqual(bench.log.splice(0), ['w a', 'w b']);
  bench.ahead.add('w');
  bench.serve('c', 'd', 'e');
  assert.deepEqual([bench.log, bench.dispatch.parkedCount], [[], 3]);
  bench.ahead.delete('v');
  // Not before those that have waited for longer.
  bench.serve('f');
  assert.equal(bench.log.length, 0);
  bench.dispatch.flush();
  assert.deepEqual([bench.log.splice(0), bench.dispatch.parkedCount], [['v c', 'v d', 'v e', 'v f'], 0]);
  bench.ahead.add('v');
  bench.serve('g', 'h');
  // No word of either: each of them gets one.
  while (bench.log.length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.deepEqual(
    bench.log.map((line) => line.slice(-1)),
    ['g', 'h'],
  );
  assert.deepEqual(bench.log.map((line) => line.slice(0, 1)).toSorted(), ['v', 'w']);
});

test('none waits so where there is one worker, where it belongs to one, or where all are stuck', () => {
  const logOf = (
    ids: readonly string[],
    conf: Record<string, unknown>,
    late: readonly string[],
  ): string[] => {
    const bench = new Bench(conf);
    for (const id of ids) {
      bench.room[id] = 10;
      bench.ahead.add(id);
    }
    for (const id of late) bench.late.add(id);
    const handle = { fd: -1, getpeername: (peer: { address?: string }) => (peer.address = '192.0.2.7') };
    bench.dispatch.serve({ host: 'a', handle } as unknown as Connection);
    return bench.log;
  };
  assert.deepEqual(logOf(['w'], {}, []), ['w a']);
  assert.equal(logOf(['v', 'w'], { balance: 'ip-hash' }, []).length, 1);
  assert.equal(logOf(['v', 'w'], {}, ['v', 'w']).length, 1);
  assert.deepEqual(logOf(['v', 'w'], {}, ['v']), []);
});

test('a connection that a worker has served waits for nobody: a pause that comes is not for it', () => {
  const bench = new Bench();
  Object.assign(bench.room, { v: 10, w: 10 });
  for (const id of ['v', 'w']) bench.ahead.add(id);
  bench.serve('a');
  bench.dispatch.pause(60_000);
  bench.dispatch.serve(from('b', 'handed-back'));
  assert.deepEqual([bench.log.map((line) => line.slice(-1)), bench.dispatch.parkedCount], [['b'], 1]);
});

test('what waits a moment is held by a pause, goes to another site, and is rejected like anything that waits', async () => {
  const bench = new Bench();
  Object.assign(bench.room, { v: 10, w: 10 });
  for (const id of ['v', 'w']) bench.ahead.add(id);
  bench.serve('a', 'b');
  bench.dispatch.sift(({ host }) => host === 'a');
  bench.dispatch.pause(60_000);
  bench.dispatch.flush();
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.deepEqual([bench.log.length, bench.dispatch.parkedCount, bench.dispatch.resume()], [0, 1, 1]);
  bench.log.length = 0;
  bench.serve('c');
  bench.dispatch.rejectAll();
  assert.deepEqual([bench.log, bench.dispatch.parkedCount], [['reject c'], 0]);
  bench.serve('d');
  Object.assign(bench.room, { v: 0, w: 0 });
  while (bench.log.length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.deepEqual([bench.log.slice(1), bench.dispatch.parkedCount], [['unserved d'], 1]);
});

test('more than may be held are rejected', () => {
  const bench = new Bench({ parkMaxCount: 2 });
  bench.room['w'] = 10;
  bench.dispatch.pause(60_000);
  bench.serve('a', 'b', 'c');
  assert.deepEqual(bench.log, ['reject c']);
  bench.dispatch.resume();
  assert.deepEqual(bench.log, ['reject c', 'w a', 'w b']);
});

test('what is held for too long is rejected, in order; the pause goes on', async () => {
  const bench = new Bench();
  bench.room['w'] = 10;
  bench.dispatch.pause(20);
  bench.serve('a', 'b');
  while (bench.log.length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
  bench.serve('c');
  assert.deepEqual(bench.log, ['reject a', 'reject b']);
  assert.equal(bench.dispatch.resume(), 1);
});

test('a pause whose site has no workers ends with what was held waiting for one', () => {
  const bench = new Bench();
  bench.dispatch.pause(60_000);
  bench.serve('a', 'b');
  bench.dispatch.resume();
  assert.deepEqual([bench.log, bench.dispatch.parkedCount], [['unserved a', 'unserved b'], 2]);
  bench.room['w'] = 10;
  bench.dispatch.flush();
  assert.deepEqual(bench.log.slice(2), ['w a', 'w b']);
});

test('a pause whose site is unavailable ends with what was held being rejected', () => {
  const bench = new Bench();
  bench.dispatch.pause(60_000);
  bench.serve('a');
  bench.unavailable = true;
  bench.dispatch.resume();
  assert.deepEqual(bench.log, ['unserved a', 'reject a']);
});

test('a site that stops rejects what is held, and holds nothing more', () => {
  const bench = new Bench();
  bench.dispatch.pause(60_000);
  bench.serve('a');
  bench.unavailable = true;
  bench.dispatch.close();
  bench.serve('b');
  assert.deepEqual(bench.log, ['reject a', 'unserved b', 'reject b']);
});

test('a site may deal with what no worker can take, then and when it is looked at again', () => {
  const bench = new Bench();
  bench.answered.add('b');
  bench.serve('a', 'b');
  assert.deepEqual([bench.log, bench.dispatch.parkedCount], [['unserved a', 'unserved b'], 1]);
  bench.answered.add('a');
  bench.dispatch.review();
  assert.deepEqual([bench.log.slice(2), bench.dispatch.parkedCount], [['unserved a'], 0]);
});
