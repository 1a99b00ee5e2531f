import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LinkedChild } from './linked-child.js';

void describe('a child with a link', () => {
  void it('has ended when both it and its link have, in whatever order', () => {
    for (const order of [
      ['exit', 'link'],
      ['link', 'exit'],
    ]) {
      const { child, exit, ends } = bench();
      for (const what of order) {
        assert.deepEqual(ends, []);
        if (what === 'exit') exit();
        else child.linkEnded();
      }
      assert.deepEqual(ends, [[1, null]]);
    }
  });

  void it('whose link outlives it for too long has it closed', (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const { exit, did } = bench();
    exit();
    t.mock.timers.tick(4_999);
    assert.deepEqual(did, []);
    t.mock.timers.tick(1);
    assert.deepEqual(did, ['closed']);
  });

  void it('that outlives its link for too long is told of, and one that does not is not', (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const lingering = bench();
    const orderly = bench();
    lingering.child.linkEnded();
    orderly.child.linkEnded();
    orderly.exit();
    t.mock.timers.tick(60_000);
    assert.deepEqual([lingering.did, orderly.did], [['lingers'], []]);
  });
});

function bench(): { child: LinkedChild; exit: () => void; ends: unknown[][]; did: string[] } {
  const ends: unknown[][] = [];
  const did: string[] = [];
  let exit: (code: number | null, signal: string | null) => void = () => undefined;
  const child = new LinkedChild(
    {
      pid: 7,
      kill: () => true,
      onError: () => undefined,
      onExit: (callback) => {
        exit = callback;
      },
    },
    { closeLink: () => void did.push('closed'), onLinger: () => void did.push('lingers') },
  );
  child.onExit((...end) => ends.push(end));
  return { child, exit: () => exit(1, null), ends, did };
}
