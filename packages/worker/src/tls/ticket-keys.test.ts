import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import { TicketKeys } from './ticket-keys.js';

const DAY_MS = 24 * 60 * 60 * 1000;
const DAY = 20_000;

function place(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'ticket-keys-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

function keysIn(directory: string, clock: { day: number }, failures: unknown[] = []): TicketKeys {
  return new TicketKeys(directory, {
    now: () => clock.day * DAY_MS + 5,
    onFailure: (error) => failures.push(error),
  });
}

void describe('the ticket keys of a site', () => {
  void it('are the same for all of its workers, and change for all at the same moment', (t) => {
    const directory = place(t);
    const clock = { day: DAY };
    const [one, other] = [keysIn(directory, clock), keysIn(directory, clock)];
    const first = one.pair();
    assert.deepEqual(other.pair(), first);
    assert.equal(first.current.length, 48);
    assert.equal(one.pair(), first);
    clock.day += 1;
    const second = other.pair();
    assert.notDeepEqual(second.current, first.current);
    assert.deepEqual(second.previous, first.current);
    assert.deepEqual(one.pair(), second);
    assert.deepEqual(keysIn(directory, clock).pair(), second);
  });

  void it('are kept for two days', (t) => {
    const directory = place(t);
    const clock = { day: DAY };
    const keys = keysIn(directory, clock);
    for (; clock.day < DAY + 3; clock.day += 1) keys.pair();
    assert.deepEqual(readdirSync(directory).toSorted(), ['ticket-key.20001', 'ticket-key.20002']);
    clock.day = DAY + 9;
    assert.equal(keys.pair().previous, undefined);
    assert.deepEqual(readdirSync(directory), ['ticket-key.20009']);
  });

  void it('are of one process alone where they cannot be shared', (t) => {
    const directory = place(t);
    const file = join(directory, `ticket-key.${DAY}`);
    const failures: unknown[] = [];
    const tries: (() => void)[] = [
      () => writeFileSync(file, 'short', { mode: 0o600 }),
      () => {
        writeFileSync(file, Buffer.alloc(48));
        chmodSync(file, 0o640);
      },
      () => rmSync(directory, { recursive: true }),
    ];
    for (const [index, act] of tries.entries()) {
      act();
      const keys = [1, 2].map(() => keysIn(directory, { day: DAY }, failures).pair().current);
      assert.notDeepEqual(keys[0], keys[1]);
      assert.equal(failures.length, 2 * (index + 1));
    }
  });
});
