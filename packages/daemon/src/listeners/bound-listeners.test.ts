import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import net from 'node:net';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { VhostError } from '@vhostd/protocol';
import type { Os } from '@vhostd/supervisor';
import { nativeBind } from '@vhostd/transport';
import type { BoundAddress, BoundListenerStatus } from './bound-listener.js';
import { BoundListeners } from './bound-listeners.js';

const LOOPBACK = { ipaddress: '127.0.0.1', port: 0 };

void describe('BoundListeners', () => {
  void it('binds a port that the kernel chose, reports it, and gives the same socket for the same request', () => {
    const listeners = new BoundListeners();
    const first = listeners.acquire('master 1', LOOPBACK);
    const again = listeners.acquire('master 1', LOOPBACK);
    const byPort = listeners.acquire('master 1', { ipaddress: '127.0.0.1', port: first.port });
    assert.ok(first.port > 0);
    assert.equal(again.handle, first.handle);
    assert.equal(byPort.handle, first.handle);
    assert.equal(first.key, '127.0.0.1:0');
    assert.deepEqual(listeners.list(), [
      { key: first.key, address: '127.0.0.1', port: first.port, claims: { 'master 1': 3 }, orphaned: false },
    ]);
    listeners.closeAll();
  });

  void it('never accepts: a client of a socket that nobody listens on is refused', async () => {
    const listeners = new BoundListeners();
    const { port } = listeners.acquire('master 1', LOOPBACK);
    const client = net.connect({ host: '127.0.0.1', port });
    await assert.rejects(once(client, 'connect'), { code: 'ECONNREFUSED' });
    listeners.closeAll();
  });

  void it('what was stored serves the address that it was bound to, and is in the way of no other', () => {
    const bound = nativeBind('127.0.0.1', 0, 4);
    assert.ok(bound.handle !== undefined);
    const { port } = bound;
    const listeners = new BoundListeners();
    const key = listeners.addStored(bound);
    assert.equal(listeners.acquire('m', { ipaddress: '127.0.0.1', port }).key, key);
    listeners.release('m', key ?? '');
    // The conf has another address by now, which the old one would be in the way of.
    assert.notEqual(listeners.acquire('m', { port }).key, key);
    assert.equal(listeners.held().length, 1);
    listeners.closeAll();
  });

  void it('adopts the sockets of another one, with their claims, or for the grace time', () => {
    const clock = new ManualTimers();
    const former = new BoundListeners();
    const claimed = former.acquire('master 1', LOOPBACK);
    const spare = former.acquire('master 1', { ipaddress: '::1', port: 0 });
    const candidate = new BoundListeners({ graceMs: 5_000, os: clock });
    candidate.adopt('master 1', { key: claimed.key, claims: 2 }, claimed.handle);
    candidate.adopt('master 1', { key: spare.key, claims: 0 }, spare.handle);
    assert.deepEqual(
      candidate.list().map(({ key, port, claims, orphaned }) => [key, port, claims, orphaned]),
      [
        [claimed.key, claimed.port, { 'master 1': 2 }, false],
        [spare.key, spare.port, {}, true],
      ],
    );
    assert.equal(candidate.acquire('master 2', LOOPBACK).port, claimed.port);
    assert.deepEqual(clock.delays(), [5_000]);
    clock.fireAll();
    assert.deepEqual(
      candidate.list().map(({ key }) => key),
      [claimed.key],
    );
    candidate.closeAll();
  });

  void it('keeps a socket that was passed without a claim, gives it for its address, and closes it at the end', () => {
    const clock = new ManualTimers();
    const listeners = new BoundListeners({ os: clock });
    const bound = new BoundListeners().acquire('m', LOOPBACK);
    const address = { ipaddress: '127.0.0.1', port: bound.port };
    const key = listeners.addPassed(bound);
    assert.equal(key, `127.0.0.1:${bound.port}`);
    const acquired = listeners.acquire('master 1', address);
    assert.equal(acquired.handle, bound.handle);
    listeners.release('master 1', acquired.key);
    listeners.acquire('master 1', address);
    listeners.drop('master 1');
    assert.deepEqual(clock.delays(), []);
    assert.deepEqual(
      listeners.passed().map((one) => [one.key, one.claimed]),
      [[key, false]],
    );

    const follower = new BoundListeners({ os: clock, passedKeys: listeners.passedKeys });
    follower.adopt('m', { key: acquired.key, claims: 0 }, bound.handle);
    assert.deepEqual(clock.delays(), []);
    assert.equal(follower.passed().length, 1);
    follower.closeAll();
    assert.ok(bound.handle.fd < 0);
  });

  void it('takes one passed socket of an address, and says which one is in the way of another address', () => {
    const listeners = new BoundListeners({ bind: () => ({ errno: 'EADDRINUSE' }) });
    const handle = (): { fd: number; close: () => void; getsockname: () => number } => ({
      fd: 9,
      close: () => (closed += 1),
      getsockname: () => 0,
    });
    let closed = 0;
    assert.equal(listeners.addPassed({ handle: handle(), address: '0.0.0.0', port: 80 }), '0.0.0.0:80');
    assert.equal(listeners.addPassed({ handle: handle(), address: '0.0.0.0', port: 80 }), undefined);
    assert.equal(closed, 1);
    assert.equal(listeners.addPassed({ handle: handle(), address: '::', port: 81 }), '*:81');
    assert.throws(
      () => listeners.acquire('master 1', { port: 80 }),
      refusal('ERR_LISTEN_ADDRESS_IN_USE', /the socket 0\.0\.0\.0:80 was passed to vhostd/u),
    );
  });

  void it('adopts nothing that is no bound socket, or has an invalid key, and closes it', () => {
    const candidate = new BoundListeners();
    let closed = 0;
    const close = (): number => (closed += 1);
    assert.throws(() => candidate.adopt('m', { key: '*:80', claims: 1 }, { close }), {
      code: 'ERR_LISTEN_TRANSFER',
    });
    const { handle } = new BoundListeners().acquire('m', LOOPBACK);
    assert.throws(() => candidate.adopt('m', { key: 'localhost:80', claims: 1 }, handle), {
      code: 'ERR_LISTEN_TRANSFER',
    });
    assert.equal(closed, 1);
    assert.ok(handle.fd < 0);
    assert.deepEqual(candidate.list(), []);
  });

  void it('closes a socket with the last claim, not before', () => {
    const listeners = new BoundListeners();
    const { key } = listeners.acquire('master 1', LOOPBACK);
    listeners.acquire('master 1', LOOPBACK);
    listeners.acquire('master 2', LOOPBACK);
    assert.equal(listeners.release('master 3', key), false);
    assert.equal(listeners.release('master 1', 'no such key'), false);
    assert.equal(listeners.release('master 1', key), true);
    assert.equal(listeners.release('master 1', key), true);
    assert.equal(listeners.release('master 1', key), false);
    assert.equal(listeners.list().length, 1);
    assert.equal(listeners.release('master 2', key), true);
    assert.deepEqual(listeners.list(), []);
  });

  void it('gives back every descriptor', () => {
    const before = openDescriptors();
    const listeners = new BoundListeners();
    for (let round = 0; round < 50; round++) {
      const { key } = listeners.acquire('master 1', LOOPBACK);
      listeners.acquire('master 1', { ipaddress: '::1', port: 0 });
      assert.throws(() => listeners.acquire('master 1', { ipaddress: '192.0.2.1', port: 0 }));
      listeners.release('master 1', key);
      listeners.drop('master 1');
      listeners.closeAll();
    }
    assert.deepEqual(openDescriptors(), before);
  });

  void it('keeps the sockets of a dead claimant for the grace time and closes what is not claimed again', () => {
    const clock = new ManualTimers();
    const expired: BoundListenerStatus[] = [];
    const listeners = new BoundListeners({
      graceMs: 5_000,
      os: clock,
      onExpired: (status) => expired.push(status),
    });
    const kept = listeners.acquire('master 1', LOOPBACK);
    const lost = listeners.acquire('master 1', { ipaddress: '::1', port: 0 });
    const shared = listeners.acquire('master 1', { ipaddress: '127.0.0.2', port: 0 });
    listeners.acquire('master 0', { ipaddress: '127.0.0.2', port: 0 });

    listeners.drop('master 1');
    listeners.drop('a master that never claimed anything');
    assert.deepEqual(clock.delays(), [5_000, 5_000]);
    assert.deepEqual(
      listeners.list().map(({ key, orphaned }) => [key, orphaned]),
      [
        [kept.key, true],
        [lost.key, true],
        [shared.key, false],
      ],
    );

    assert.equal(listeners.acquire('master 2', LOOPBACK).handle, kept.handle);
    assert.equal(listeners.release('master 1', kept.key), false, 'a dead claimant has no claim to release');
    clock.fireAll();
    assert.deepEqual(
      listeners.list().map(({ key, claims }) => [key, claims]),
      [
        [kept.key, { 'master 2': 1 }],
        [shared.key, { 'master 0': 1 }],
      ],
    );
    assert.deepEqual(
      expired.map(({ key }) => key),
      [lost.key],
    );
    listeners.closeAll();
    assert.deepEqual(clock.delays(), []);
  });

  void it('says that an address is in use, by whom it can tell', async () => {
    const other = net.createServer().listen({ host: '127.0.0.1', port: 0 });
    await once(other, 'listening');
    const port = portOf(other);
    const listeners = new BoundListeners();
    assert.throws(
      () => listeners.acquire('master 1', { ipaddress: '127.0.0.1', port }),
      refusal('ERR_LISTEN_ADDRESS_IN_USE', /another process/u, {
        address: '127.0.0.1',
        port,
        errno: 'EADDRINUSE',
      }),
    );
    other.close();

    const held = listeners.acquire('master 1', LOOPBACK);
    assert.throws(
      () => listeners.acquire('master 1', { port: held.port }),
      refusal('ERR_LISTEN_ADDRESS_IN_USE', /vhostd itself holds 127\.0\.0\.1:0, which it covers/u),
    );
    assert.equal(listeners.list().length, 1);
    listeners.closeAll();
  });

  void it('gives the socket that covers an address for that address', () => {
    const listeners = new BoundListeners();
    const wide = listeners.acquire('master 1', { port: 0 });
    for (const ipaddress of ['127.0.0.1', '0.0.0.0', '::1']) {
      const narrow = listeners.acquire('master 1', { ipaddress, port: wide.port });
      assert.deepEqual([narrow.key, narrow.handle], [wide.key, wide.handle]);
    }
    assert.deepEqual(
      listeners.list().map(({ claims }) => claims),
      [{ 'master 1': 4 }],
    );
    assert.notEqual(listeners.acquire('master 1', LOOPBACK).handle, wide.handle);
    listeners.closeAll();
  });

  void it('says that an address is not one of this machine, or none at all', () => {
    const listeners = new BoundListeners();
    const wrong = [
      { ipaddress: '192.0.2.1', port: 0 },
      { ipaddress: 'localhost', port: 0 },
      { ipaddress: '127.0.0.1', port: 65_536 },
      { ipaddress: '127.0.0.1', port: 1.5 },
    ];
    for (const request of wrong) {
      assert.throws(() => listeners.acquire('master 1', request), refusal('ERR_LISTEN_ADDRESS'));
    }
    assert.deepEqual(listeners.list(), []);
  });

  void it('names the missing permission and the likely cause', () => {
    const listeners = new BoundListeners({ bind: () => ({ errno: 'EACCES' }) });
    assert.throws(
      () => listeners.acquire('master 1', { ipaddress: '127.0.0.1', port: 80 }),
      refusal('ERR_LISTEN_PERMISSION', /cannot bind 127\.0\.0\.1:80 \(EACCES\).*CAP_NET_BIND_SERVICE/u),
    );
  });

  void it('takes IPv6 and IPv4 without an address, and IPv4 alone where there is no IPv6', () => {
    const asked: string[] = [];
    const handle = { fd: -1, getsockname: () => 0, close: () => {} };
    const listeners = new BoundListeners({
      bind: (address, port) => {
        asked.push(address);
        return address === '::' ? { errno: 'EAFNOSUPPORT' } : { handle, address, port };
      },
    });
    assert.equal(listeners.acquire('master 1', { port: 8080 }).address, '0.0.0.0');
    assert.deepEqual(asked, ['::', '0.0.0.0']);
    assert.equal(listeners.acquire('master 1', { ipaddress: '0:0::0', port: 8080 }).key, '*:8080');
    assert.equal(asked.length, 2);
  });

  void it('refuses no client while its master is killed and replaced', { timeout: 60_000 }, async (test) => {
    const listeners = new BoundListeners();
    const bound = listeners.acquire('master 1', LOOPBACK);
    const children: ChildProcess[] = [];
    test.after(() => {
      for (const child of children) child.kill('SIGKILL');
      listeners.closeAll();
    });

    let master = await startMaster(bound, children);
    for (let round = 1; round <= 3; round++) {
      assert.deepEqual(
        await askPids(bound.port, 20),
        Array.from({ length: 20 }, () => master.pid),
      );
      const descriptors = openDescriptors();
      const dead = once(master, 'exit');
      master.kill('SIGKILL');
      await dead;
      listeners.drop(`master ${round}`);

      const waiting = await connectAll(bound.port, 200);
      const again = listeners.acquire(`master ${round + 1}`, LOOPBACK);
      assert.equal(again.handle, bound.handle);
      master = await startMaster(again, children);
      const served = await Promise.all(waiting.map((socket) => readPid(socket)));
      assert.deepEqual(new Set(served), new Set([master.pid]));
      assert.equal(
        openDescriptors().length,
        descriptors.length,
        'the daemon accepted nothing and leaked nothing',
      );
    }
  });
});

async function startMaster(bound: BoundAddress, children: ChildProcess[]): Promise<ChildProcess> {
  const child = fork(fileURLToPath(new URL('bound-listeners.test.child.js', import.meta.url)));
  children.push(child);
  await once(child, 'message');
  const listening = once(child, 'message');
  // Node sends a bare TCP handle too, which @types/node leaves out of SendHandle.
  const send: unknown = child.send.bind(child);
  assert.ok(typeof send === 'function');
  send('listen', bound.handle);
  assert.deepEqual((await listening)[0], 'listening');
  return child;
}

/** Resolves when the kernel has completed every handshake; rejects when one client was refused. */
async function connectAll(port: number, count: number): Promise<net.Socket[]> {
  const sockets = Array.from({ length: count }, () => net.connect({ host: '127.0.0.1', port }));
  await Promise.all(sockets.map((socket) => once(socket, 'connect')));
  return sockets;
}

async function askPids(port: number, count: number): Promise<number[]> {
  const sockets = await connectAll(port, count);
  return Promise.all(sockets.map((socket) => readPid(socket)));
}

async function readPid(socket: net.Socket): Promise<number> {
  let text = '';
  for await (const chunk of socket) text += String(chunk);
  return Number(text);
}

function openDescriptors(): string[] {
  return readdirSync('/proc/self/fd');
}

function refusal(code: string, message = /./u, info?: object): (thrown: unknown) => boolean {
  return (thrown) => {
    assert.ok(thrown instanceof VhostError);
    assert.equal(thrown.code, code);
    assert.match(thrown.message, message);
    if (info !== undefined) assert.deepEqual(thrown.info, info);
    return true;
  };
}

function portOf(server: net.Server): number {
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  return address.port;
}

class ManualTimers implements Pick<Os, 'setTimer'> {
  readonly #timers = new Set<{ callback: () => void; delayMs: number }>();

  setTimer(callback: () => void, delayMs: number): { cancel(): void } {
    const timer = { callback, delayMs };
    this.#timers.add(timer);
    return { cancel: () => this.#timers.delete(timer) };
  }

  delays(): number[] {
    return Array.from(this.#timers, ({ delayMs }) => delayMs);
  }

  fireAll(): void {
    for (const timer of this.#timers) {
      this.#timers.delete(timer);
      timer.callback();
    }
  }
}
