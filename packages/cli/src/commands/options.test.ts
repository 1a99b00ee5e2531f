import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { printWaits } from './options.js';

void test('each site that a daemon waits for is told on stderr, with its state and open connections', (t) => {
  const told = stderrOf(t, () =>
    printWaits({
      waitsFor: [
        { siteId: 'shop', state: 'draining', connections: 3 },
        { siteId: 'blog', state: 'reloading', connections: 0 },
      ],
    }),
  );
  assert.equal(told, 'vhostd: waits for shop (draining, 3 open connections), blog (reloading)\n');
});

void test('of many sites that a daemon waits for, five are named and the others counted', (t) => {
  const waitsFor = Array.from({ length: 8 }, (_, index) => ({
    siteId: `s${index}`,
    state: 'booting',
    connections: 0,
  }));
  const told = stderrOf(t, () => printWaits({ waitsFor }));
  assert.match(told, /^vhostd: waits for s0 \(booting\), .*s4 \(booting\), 3 more\n$/);
});

void test('progress that names no sites is told as waiting for the daemon, other progress not at all', (t) => {
  assert.equal(
    stderrOf(t, () => printWaits({ waitsFor: [] })),
    'vhostd: waits for the daemon\n',
  );
  assert.equal(
    stderrOf(t, () => printWaits({ other: 1 })),
    '',
  );
});

/** What is written to stderr meanwhile. */
function stderrOf(t: TestContext, action: () => void): string {
  let text = '';
  const { mock } = t.mock.method(process.stderr, 'write', (chunk: unknown) => {
    text += String(chunk);
    return true;
  });
  action();
  mock.restore();
  return text;
}
