// What systemd is told to hold, and for how long; with a real one: test/process/systemd.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nativeCalls } from '@vhostd/transport';
import { BoundListeners } from '../listeners/bound-listeners.js';
import { createLog } from '../log.js';
import { hasSocketStore, isStoredName, SocketStore, socketStore } from './socket-store.js';

class Bench {
  readonly listeners: BoundListeners;
  readonly store: SocketStore;
  isRestarted = false;
  #told: string[] = [];

  constructor() {
    let fd = 100;
    const bind = (address: string, port: number): ReturnType<typeof bound> =>
      bound((fd += 1), address, port === 0 ? 40_000 : port);
    this.listeners = new BoundListeners({ bind });
    this.store = new SocketStore({
      socket: {
        tell: (assignments, passed) => {
          this.#told.push([...assignments, ...(passed === undefined ? [] : [`and ${passed.fd}`])].join(' '));
        },
      },
      isRestarted: () => Promise.resolve(this.isRestarted),
    });
  }

  /** What was told since this was last asked. */
  told(): string[] {
    return this.#told.splice(0);
  }
}

function bound(
  fd: number,
  address: string,
  port: number,
): { handle: { fd: number; getsockname: () => number; close: () => void }; address: string; port: number } {
  return { handle: { fd, getsockname: () => 0, close: () => undefined }, address, port };
}

void test('systemd holds each listener of a port that the conf names, until nobody needs it', () => {
  const bench = new Bench();
  bench.listeners.acquire('m', { port: 80 });
  bench.listeners.addPassed(bound(99, '::', 8080));
  bench.store.follow(bench.listeners);
  bench.listeners.acquire('m', { port: 443, ipaddress: '::1' });
  bench.listeners.acquire('m', { port: 0 });
  assert.deepEqual(bench.told(), [
    'FDSTORE=1 FDNAME=vhostd-*_80 FDPOLL=0 and 101',
    'FDSTORE=1 FDNAME=vhostd-[__1]_443 FDPOLL=0 and 102',
  ]);
  bench.listeners.release('m', '*:80');
  assert.deepEqual(bench.told(), ['FDSTOREREMOVE=1 FDNAME=vhostd-*_80']);
  // Another daemon has them.
  bench.store.leave();
  bench.listeners.release('m', '[::1]:443');
  assert.deepEqual(bench.told(), []);
});

void test('an address that only the store holds is let go of', () => {
  const bench = new Bench();
  bench.store.follow(bench.listeners);
  bench.listeners.emit('occupied', '*:80');
  assert.deepEqual(bench.told(), ['FDSTOREREMOVE=1 FDNAME=vhostd-*_80']);
});

void test('what systemd starts again finds the sockets that it holds; what it stops leaves none', async () => {
  for (const isRestarted of [true, false]) {
    const bench = new Bench();
    bench.isRestarted = isRestarted;
    bench.store.follow(bench.listeners);
    const { key } = bench.listeners.acquire('m', { port: 80 });
    bench.told();
    await bench.store.stopping();
    bench.listeners.release('m', key);
    assert.equal(bench.told().length, isRestarted ? 0 : 1);
  }
});

void test('there is a store where the unit has one, systemd listens, and descriptors can be sent', () => {
  const log = createLog('silent');
  const env = { NOTIFY_SOCKET: '/run/systemd/notify', FDSTORE: '512' };
  const canSend = nativeCalls() !== undefined;
  assert.equal(hasSocketStore(env), canSend);
  assert.equal(socketStore(env, log) instanceof SocketStore, canSend);
  for (const none of [{}, { FDSTORE: '512' }, { ...env, FDSTORE: '0' }, { ...env, NOTIFY_SOCKET: 'x' }]) {
    assert.equal(socketStore(none, log), undefined);
  }
});

void test('its sockets are known by their names', () => {
  assert.ok(isStoredName('vhostd-*_80'));
  assert.ok(!isStoredName('vhostd.socket'));
});
