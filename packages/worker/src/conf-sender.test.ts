import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ServerConfUpdate } from '@vhostd/protocol';
import { ConfSender } from './conf-sender.js';
import type { UpdateResult } from './conf-sender.js';

/** A master that answers when it is told to. */
class SlowMaster {
  readonly received: ServerConfUpdate[] = [];
  readonly #answers: { resolve: (result: UpdateResult) => void; reject: (error: Error) => void }[] = [];

  readonly send = (update: ServerConfUpdate): Promise<UpdateResult> => {
    this.received.push(update);
    return new Promise((resolve, reject) => this.#answers.push({ resolve, reject }));
  };

  answer(): void {
    this.#answers.shift()?.resolve({ listening: [] });
  }

  refuse(message: string): void {
    this.#answers.shift()?.reject(new Error(message));
  }
}

test('one update is on its way at a time, and the newest of those that wait is sent next', async () => {
  const master = new SlowMaster();
  const sender = new ConfSender(master.send);
  const first = sender.push({ cpuLen: 1 });
  const overtaken = sender.push({ cpuLen: 2, defaultListen: true });
  const newest = sender.push({ cpuLen: 3 });
  assert.deepEqual(master.received, [{ cpuLen: 1 }]);
  master.answer();
  await first;
  assert.deepEqual(master.received, [{ cpuLen: 1 }, { cpuLen: 3, defaultListen: true }]);
  master.answer();
  await Promise.all([overtaken, newest]);
  assert.equal(master.received.length, 2);
});

test('ten thousand updates at once are two on the wire, and the last state wins', async () => {
  const master = new SlowMaster();
  const sender = new ConfSender(master.send);
  const results = Array.from({ length: 10_000 }, (_, cpuLen) => sender.push({ cpuLen }));
  master.answer();
  await results[0];
  master.answer();
  await Promise.all(results);
  assert.deepEqual(master.received, [{ cpuLen: 0 }, { cpuLen: 9999 }]);
});

test('a refused update rejects its own callers and lets the next one through', async () => {
  const master = new SlowMaster();
  const sender = new ConfSender(master.send);
  const first = sender.push({ cpuLen: 1 });
  const second = sender.push({ cpuLen: 2 });
  master.refuse('no');
  await assert.rejects(first, /no/);
  master.answer();
  await second;
  assert.equal(master.received.length, 2);
});

test('idle resolves when nothing is on its way any more', async () => {
  const master = new SlowMaster();
  const sender = new ConfSender(master.send);
  await sender.idle();
  const first = sender.push({ cpuLen: 1 });
  const second = sender.push({ cpuLen: 2 });
  let idle = false;
  const done = sender.idle().then(() => {
    idle = true;
  });
  master.answer();
  await first;
  assert.equal(idle, false);
  master.refuse('no');
  await assert.rejects(second);
  await done;
  assert.equal(idle, true);
});
