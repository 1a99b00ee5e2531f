import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import { ProcessGroups } from './process-groups.js';

interface Scene {
  groups: ProcessGroups;
  /** What was sent to groups, without the question whether they are there. */
  sent: string[];
  living: Set<number>;
}

function setScene(t: TestContext, ...living: number[]): Scene {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const scene = { sent: [] as string[], living: new Set(living) };
  const groups = new ProcessGroups((pid, signal) => {
    if (!scene.living.has(pid)) return false;
    if (signal !== 0) scene.sent.push(`${signal} ${pid}`);
    if (signal === 'SIGKILL') scene.living.delete(pid);
    return true;
  });
  return { groups, ...scene };
}

function pass(t: TestContext, ms: number): void {
  for (let passed = 0; passed < ms; passed += 100) t.mock.timers.tick(100);
}

void describe('the processes that a worker leaves behind', () => {
  void it('are told to end, and killed if they do not', (t) => {
    const { groups, sent } = setScene(t, 70);
    groups.end(70);
    pass(t, 2000);
    assert.deepEqual(sent, ['SIGTERM 70', 'SIGCONT 70']);
    pass(t, 100);
    assert.deepEqual(sent, ['SIGTERM 70', 'SIGCONT 70', 'SIGKILL 70']);
  });

  void it('that have ended are left alone, whoever has their number then', (t) => {
    const { groups, sent, living } = setScene(t, 70);
    groups.end(70);
    living.delete(70);
    pass(t, 100);
    living.add(70);
    pass(t, 10_000);
    assert.deepEqual(sent, ['SIGTERM 70', 'SIGCONT 70']);
  });

  void it('are killed in their control group, whatever session they are in, which is removed then', (t) => {
    const { groups, sent } = setScene(t);
    const asked: string[] = [];
    const group = {
      populated: true,
      oomKillCount: 0,
      kill(): void {
        asked.push('kill');
        group.populated = false;
      },
      remove: () => void asked.push('remove'),
    };
    groups.end(70, group);
    pass(t, 2000);
    assert.deepEqual(asked, []);
    pass(t, 100);
    assert.deepEqual([asked, sent], [['kill', 'remove'], []]);
    groups.end(71, group);
    assert.deepEqual(asked, ['kill', 'remove', 'remove']);
  });

  void it('are none where there is no group', (t) => {
    const before = process.listenerCount('exit');
    const { groups, sent } = setScene(t);
    groups.end(70);
    pass(t, 10_000);
    assert.deepEqual(sent, []);
    assert.equal(process.listenerCount('exit'), before);
  });
});
