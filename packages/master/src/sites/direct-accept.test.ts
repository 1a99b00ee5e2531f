// Who accepts on an address of a site alone: its workers while they are to take what comes, else the master.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { SiteBench } from './site-bench.test.kit.js';
import type { Site } from './site.js';

const ENTRY = { host: 'a.test', port: 0, ipaddress: '127.0.0.1', accept: 'direct' };
/** Nobody's: a fake worker is started as nobody. */
const FOREIGN_UID = 54_321;
const KEY = '127.0.0.1|0|tcp';

class Bench extends SiteBench {
  #count = 0;

  constructor(t: TestContext) {
    super(t);
    this.listeners.deliverTo((handle) => {
      this.#count += 1;
      handle.close();
    });
  }

  /** Which processes accept, by generation and slot. */
  get accepting(): string[] {
    return this.spawner.living.filter(({ accepting }) => accepting.has(KEY)).map(({ name }) => name);
  }

  /** Whether the master accepts a connection to the site; the fake workers accept none. */
  async masterAccepts(): Promise<boolean> {
    const before = this.#count;
    const [listener] = this.listeners.list();
    const client = connect({ host: '127.0.0.1', port: listener?.info.port ?? 0 });
    client.on('error', () => undefined);
    await once(client, 'connect');
    await new Promise((resolve) => setTimeout(resolve, QUIET_MS));
    client.destroy();
    return this.#count > before;
  }
}

test('workers accept as soon as they are ready, and the master does not any more', async (t) => {
  const bench = new Bench(t);
  await bench.run('a', { cpuLen: 2, listen: [ENTRY] });
  assert.deepEqual(bench.accepting, ['1.0', '1.1']);
  assert.equal(await bench.masterAccepts(), false);
});

test('the socket is for no worker of a site with a user of its own, unless that is trusted', async (t) => {
  const bench = new Bench(t);
  const user = { user: FOREIGN_UID, group: FOREIGN_UID };
  await bench.run('a', { listen: [ENTRY], ...user });
  assert.deepEqual([bench.accepting, await bench.masterAccepts()], [[], true]);
  const trusting = new Bench(t);
  await trusting.run('a', { listen: [ENTRY], ...user, trusted: true });
  assert.deepEqual(trusting.accepting, ['1.0']);
});

test('the master accepts while a pause holds what comes, and in a maintenance', async (t) => {
  const bench = new Bench(t);
  const { ingress } = await bench.run('a', { listen: [ENTRY] });
  ingress.pause(60_000);
  await bench.until('no worker accepts', () => bench.accepting.length === 0);
  assert.equal(await bench.masterAccepts(), true);
  ingress.resume();
  await bench.until('the worker accepts', () => bench.accepting.length === 1);
  const page = { html: 'x', retryAfterSeconds: 1 };
  await ingress.maintain({ page, message: undefined });
  await bench.until('no worker accepts', () => bench.accepting.length === 0);
  assert.equal(await bench.masterAccepts(), true);
  await ingress.maintain(undefined);
  await bench.until('the worker accepts', () => bench.accepting.length === 1);
  assert.equal(await bench.masterAccepts(), false);
});

test('at an end the master accepts, and no worker does any more, whatever changes then', async (t) => {
  const bench = new Bench(t);
  const { ingress } = await bench.run('a', { cpuLen: 2, listen: [ENTRY] });
  assert.deepEqual(bench.accepting, ['1.0', '1.1']);
  await ingress.acceptAlone();
  assert.deepEqual(bench.accepting, []);
  assert.equal(await bench.masterAccepts(), true);
  ingress.pause(60_000);
  ingress.resume();
  assert.deepEqual(bench.accepting, []);
});

test('the master accepts behind the death of the only worker, until the next one does', async (t) => {
  const bench = new Bench(t);
  const site = await bench.run('a', { listen: [ENTRY] });
  bench.spawner.last.exit(1);
  assert.equal(await bench.masterAccepts(), true);
  await bench.comeUp(site);
  await bench.until('the next one accepts', () => bench.accepting.length === 1);
});

test('a conf that says otherwise ends it, and begins it, with a reload', async (t) => {
  const bench = new Bench(t);
  const site = await bench.run('a', { listen: [ENTRY] });
  const { accept: _accept, ...routed } = ENTRY;
  await reload(bench, site, { listen: [routed] });
  assert.deepEqual(bench.accepting, []);
  assert.equal(await bench.masterAccepts(), true);
  await reload(bench, site, { listen: [ENTRY] });
  assert.deepEqual(bench.accepting, ['3.0']);
  assert.equal(await bench.masterAccepts(), false);
});

test('the address is its site’s until the last worker that had the socket has gone', async (t) => {
  const bench = new Bench(t);
  const site = await bench.run('a', { listen: [ENTRY] });
  const [old] = bench.spawner.living;
  assert.ok(old);
  old.busy = true;
  await reload(bench, site, { listen: [{ ...ENTRY, accept: undefined }] });
  const other = bench.load('b', { listen: [{ ...ENTRY, host: 'b.test', accept: undefined }] });
  const refused = await other.bringUp();
  assert.equal(refused?.code, 'ERR_ROUTE_CONFLICT');
  assert.match(refused?.message ?? '', /is site a's alone/);
  old.exit(0);
  const outcome = other.bringUp();
  await bench.comeUp(other);
  assert.equal(await outcome, undefined);
});

test('a process that can hand no connection back accepts none by itself', async (t) => {
  const bench = new Bench(t);
  const site = bench.load('a', { listen: [ENTRY] });
  const outcome = site.bringUp();
  await bench.until('it boots', () => bench.booting(site).length === 1);
  bench.spawner.last.handsBack = false;
  await bench.comeUp(site);
  await outcome;
  assert.deepEqual(bench.accepting, []);
  assert.equal(await bench.masterAccepts(), true);
});

test('one that has its share rests until the other one has caught up', async (t) => {
  const bench = new Bench(t);
  await bench.run('a', { cpuLen: 2, listen: [ENTRY] });
  const [eager, other] = bench.spawner.living;
  assert.ok(eager && other);
  eager.connectionCount = 40;
  eager.accepting.clear();
  await eager.ask('acceptRests', { why: 'share' });
  assert.deepEqual(bench.accepting, ['1.1']);
  other.connectionCount = 40;
  other.emit('confirmed');
  await bench.until('it accepts again', () => bench.accepting.length === 2);
  assert.equal(await bench.masterAccepts(), false);
});

test('where all are full the master accepts, until one has room', async (t) => {
  const bench = new Bench(t);
  await bench.run('a', { cpuLen: 2, listen: [ENTRY] });
  for (const worker of bench.spawner.living) {
    worker.room = false;
    worker.accepting.clear();
    await worker.ask('acceptRests', { why: 'full' });
  }
  assert.equal(await bench.masterAccepts(), true);
  bench.spawner.last.room = true;
  await bench.until('one accepts', () => bench.accepting.length === 1);
  assert.equal(await bench.masterAccepts(), false);
});

async function reload(bench: Bench, site: Site, fields: Record<string, unknown>): Promise<void> {
  site.want(bench.conf('a', fields));
  let error: unknown;
  let isDone = false;
  void site.reload().then((outcome) => {
    ({ error } = outcome);
    isDone = true;
  });
  await bench.until('it is reloaded', () => {
    for (const worker of bench.booting(site)) worker.ready();
    return isDone;
  });
  assert.equal(error, undefined);
}

/** A connection is accepted in the next turns of the event loop. */
const QUIET_MS = 50;
