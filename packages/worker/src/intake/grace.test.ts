import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import { Grace } from './grace.js';

interface Scene {
  grace: Grace;
  active: string[];
  endCount: number;
  pass(ms: number): void;
}

function setScene(t: TestContext): Scene {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const active = ['PipeWrap', 'PipeWrap'];
  const scene: Scene = {
    grace: new Grace({ active: () => active }),
    active,
    endCount: 0,
    pass: (ms) => {
      for (let passed = 0; passed < ms; passed += 20) t.mock.timers.tick(20);
    },
  };
  scene.grace.begin(() => {
    scene.endCount += 1;
  });
  return scene;
}

void describe('the grace of a server of second choice', () => {
  void it('ends soon where nothing is under way in the process', (t) => {
    const scene = setScene(t);
    scene.pass(280);
    assert.equal(scene.endCount, 0);
    scene.pass(20);
    assert.equal(scene.endCount, 1);
    scene.pass(10_000);
    assert.equal(scene.endCount, 1);
  });

  void it('goes on while something is under way, and begins anew behind it', (t) => {
    const scene = setScene(t);
    scene.active.push('PipeWrap');
    scene.pass(600);
    scene.active.pop();
    scene.pass(280);
    scene.active.push('Timeout');
    scene.pass(20);
    scene.active.pop();
    scene.pass(280);
    assert.equal(scene.endCount, 0);
    scene.pass(20);
    assert.equal(scene.endCount, 1);
  });

  void it('ends after two seconds in any case', (t) => {
    const scene = setScene(t);
    scene.active.push('TCPSocketWrap');
    scene.pass(1980);
    assert.equal(scene.endCount, 0);
    scene.pass(20);
    assert.equal(scene.endCount, 1);
  });

  void it('that is ended by another server ends without a word', (t) => {
    const scene = setScene(t);
    scene.grace.end();
    scene.pass(5000);
    assert.equal(scene.endCount, 0);
  });
});

void it('what a process does shows, without what it does not wait for', () => {
  const before = process.getActiveResourcesInfo().length;
  const timer = setTimeout(() => undefined, 2 ** 30);
  const unseen = setInterval(() => undefined, 1000).unref();
  assert.equal(process.getActiveResourcesInfo().length, before + 1);
  clearTimeout(timer);
  clearInterval(unseen);
  assert.equal(process.getActiveResourcesInfo().length, before);
});
