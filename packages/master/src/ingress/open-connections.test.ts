// Connections of one address are counted for each site, until the kernel says that nobody holds them.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import type { Ingress } from './connection.js';
import { OpenConnections } from './open-connections.js';

/** A kernel whose answers wait until they are given. */
class Bench {
  readonly held = new Set<number>();
  readonly connections: OpenConnections;
  readonly verdicts: string[] = [];
  #answer: (() => void) | undefined;
  #asked: (() => void) | undefined;

  constructor(limit: number | undefined, held?: () => Promise<Set<number>>) {
    this.connections = new OpenConnections(held ?? (() => this.#list()));
    this.connections.limit = limit;
  }

  come(ingress: Ingress, socket: number, address = '192.0.2.1'): void {
    this.held.add(socket);
    this.connections.admit(
      ingress,
      () => ({ socket, address }),
      (admitted) => this.verdicts.push(`${socket} ${admitted ? 'in' : 'out'}`),
    );
  }

  /** Waits until the kernel is asked, answers with what is held, and waits until that has been taken in. */
  async look(): Promise<void> {
    while (this.#answer === undefined) await new Promise<void>((resolve) => (this.#asked = resolve));
    this.#answer();
    this.#answer = undefined;
    await turn();
  }

  async #list(): Promise<Set<number>> {
    const held = new Set(this.held);
    this.#asked?.();
    return new Promise((resolve) => (this.#answer = () => resolve(held)));
  }
}

function site(): Ingress {
  return {
    takesHandedBack: true,
    takesUnread: true,
    stopped: false,
    look: () => undefined,
    serve: () => undefined,
  };
}

test('an address has so many open to a site; another address, and another site, have their own', async () => {
  const bench = new Bench(2);
  const [a, b] = [site(), site()];
  for (const socket of [1, 2]) bench.come(a, socket);
  bench.come(b, 3);
  bench.come(a, 4, '192.0.2.2');
  assert.deepEqual(bench.verdicts.splice(0), ['1 in', '2 in', '3 in', '4 in']);
  bench.come(a, 5);
  assert.deepEqual(bench.verdicts, []);
  await bench.look();
  assert.deepEqual(bench.verdicts, ['5 out']);
});

test('what nobody holds any more makes room', async () => {
  const bench = new Bench(2);
  const a = site();
  for (const socket of [1, 2]) bench.come(a, socket);
  bench.held.clear();
  for (const socket of [3, 4]) bench.come(a, socket);
  // More than this cannot be good, whatever has ended.
  bench.come(a, 5);
  await bench.look();
  await bench.look();
  assert.deepEqual(bench.verdicts, ['1 in', '2 in', '5 out', '3 in', '4 in']);
  bench.held.delete(5);
  bench.come(a, 6);
  await bench.look();
  assert.equal(bench.verdicts.at(-1), '6 out');
});

test('who comes during a look waits for the next one', async () => {
  const bench = new Bench(1);
  const a = site();
  bench.come(a, 1);
  bench.come(a, 2);
  bench.held.delete(1);
  bench.held.delete(2);
  bench.come(a, 3, '192.0.2.2');
  bench.come(a, 4, '192.0.2.2');
  bench.held.delete(3);
  // The list was made when the second had come.
  await bench.look();
  assert.deepEqual(bench.verdicts.splice(0), ['1 in', '3 in', '2 out']);
  await bench.look();
  assert.deepEqual(bench.verdicts, ['4 in']);
});

test('one that comes back is the one that was counted', () => {
  const bench = new Bench(1);
  const a = site();
  for (const socket of [1, 1]) bench.come(a, socket);
  assert.deepEqual(bench.verdicts, ['1 in', '1 in']);
});

test('without a limit nobody is asked for an address, and who waits is let in', async () => {
  const bench = new Bench(1);
  const a = site();
  for (const socket of [1, 2]) bench.come(a, socket);
  bench.connections.limit = undefined;
  assert.deepEqual([bench.verdicts, bench.connections.size], [['1 in', '2 in'], 0]);
  await bench.look();
  bench.connections.admit(
    a,
    () => assert.fail(),
    (admitted) => assert.ok(admitted),
  );
});

test('where the kernel does not answer nobody is refused', async () => {
  const bench = new Bench(1, () => Promise.reject(new Error('no /proc')));
  for (const socket of [1, 2]) bench.come(site(), socket);
  const a = site();
  for (const socket of [3, 4]) bench.come(a, socket);
  await turn();
  assert.deepEqual(bench.verdicts, ['1 in', '2 in', '3 in', '4 in']);
});

test('connections that have ended are forgotten, however many come', async () => {
  const bench = new Bench(1000);
  const a = site();
  for (let socket = 1; socket <= 1000; socket += 1) {
    bench.come(a, socket, `192.0.2.${socket % 250}`);
    bench.held.delete(socket);
  }
  await bench.look();
  // The last one may have come behind the list.
  assert.ok(bench.connections.size <= 1, `${bench.connections.size}`);
});

test('however long a look takes, who waits for the next one does so for a second at most', async (t) => {
  let lookCount = 0;
  let nowMs = 0;
  t.mock.method(performance, 'now', () => nowMs);
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const bench = new Bench(1, () => {
    lookCount += 1;
    nowMs += 60_000;
    return Promise.resolve(new Set([1]));
  });
  const a = site();
  bench.come(a, 1);
  bench.come(a, 2);
  await turn();
  assert.deepEqual([bench.verdicts, lookCount], [['1 in', '2 out'], 1]);
  bench.come(a, 3);
  t.mock.timers.tick(999);
  await turn();
  assert.equal(lookCount, 1);
  t.mock.timers.tick(1);
  await turn();
  assert.deepEqual([bench.verdicts, lookCount], [['1 in', '2 out', '3 out'], 2]);
});
