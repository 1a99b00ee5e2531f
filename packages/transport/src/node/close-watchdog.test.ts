import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { startCloseWatchdog, whileClosing } from './close-watchdog.js';
import { closingPrototypes } from './pipe-internals.js';

/** Keeps the event loop from turning. */
function block(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

let signals = 0;
process.on('SIGURG', () => void (signals += 1));

void test('a close that stands still is sent a signal, also when the watchdog has gone to sleep', async () => {
  startCloseWatchdog();
  startCloseWatchdog();
  for (let round = 0; round < 2; round += 1) {
    signals = 0;
    // The thread may not have started yet.
    while (signals === 0) {
      whileClosing(() => block(300));
      await delay(1);
    }
    await untilAsleep();
  }
});

void test('an event loop that is merely busy is sent none', async () => {
  startCloseWatchdog();
  await untilAsleep();
  signals = 0;
  block(500);
  whileClosing(() => undefined);
  block(500);
  await delay(1);
  assert.equal(signals, 0);
});

void test('the closes of sockets and of pipes are watched', async () => {
  const [tcp, pipe] = closingPrototypes();
  assert.ok(tcp !== undefined && pipe !== undefined);
  startCloseWatchdog();
  for (const [prototype, where] of [
    [tcp, { port: 0 }],
    [pipe, { path: `\0vhostd-watchdog-${process.pid}` }],
  ] as const) {
    const server = createServer().listen(where);
    await once(server, 'listening');
    const address = server.address();
    const client = connect(typeof address === 'string' ? { path: address } : { port: portOf(address) });
    await once(client, 'connect');
    const handle: unknown = Reflect.get(client, '_handle');
    assert.ok(typeof handle === 'object' && handle !== null);
    assert.equal(Reflect.get(handle, 'close'), Reflect.get(prototype, 'close'));
    client.destroy();
    server.close();
  }
});

void test(
  'while nothing is closed the watchdog does nothing',
  { skip: process.platform !== 'linux' },
  async () => {
    startCloseWatchdog();
    whileClosing(() => undefined);
    await untilAsleep();
  },
);

function portOf(address: AddressInfo | null): number {
  return address?.port ?? 0;
}

/** Resolves when no thread but this one has been switched to for a while: 50 times a second while the watchdog looks. */
async function untilAsleep(): Promise<void> {
  for (let before = switches(); ;) {
    await delay(1000);
    const now = switches();
    if (now - before < 10) return;
    before = now;
  }
}

function switches(): number {
  return readdirSync('/proc/self/task')
    .filter((thread) => thread !== String(process.pid))
    .reduce((sum, thread) => sum + switchesOf(thread), 0);
}

function switchesOf(thread: string): number {
  try {
    const status = readFileSync(`/proc/self/task/${thread}/status`, 'latin1');
    return Number(/^voluntary_ctxt_switches:\s+(\d+)$/m.exec(status)?.[1]);
  } catch {
    return 0;
  }
}
