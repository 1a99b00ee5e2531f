import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import type { SiteStatus, WorkerStatus } from '@vhostd/protocol';
import { printWaits, progressOf } from './progress.js';

void test('each site that a daemon waits for is told on stderr, with its state and open connections', (t) => {
  const told = stderrOf(t, () =>
    printWaits({
      waitsFor: [
        { siteId: 'shop', state: 'draining', connections: 3 },
        { siteId: 'blog', state: 'reloading', connections: 0 },
        { siteId: 'wiki', state: 'draining', connections: 1 },
      ],
    }),
  );
  assert.equal(
    told,
    'vhostd: waits for shop (draining, 3 open connections), blog (reloading), wiki (draining, 1 open connection)\n',
  );
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

function worker(slot: number, generation: number, fields: Partial<WorkerStatus>): WorkerStatus {
  const workerId = `shop.${slot}`;
  return {
    workerId,
    slot,
    generation,
    state: 'ready',
    connections: 0,
    restarts: 0,
    replacements: 0,
    ...fields,
  };
}

function site(fields: Partial<SiteStatus>): SiteStatus {
  return { siteId: 'shop', state: 'running', generation: 1, hosts: [], workers: [], parked: 0, ...fields };
}

void test('a reload is shown slot by slot, with what leaving workers wait for and at most how long', () => {
  const begun = site({
    state: 'reloading',
    workers: [worker(0, 1, {}), worker(1, 1, {}), worker(0, 2, { state: 'booting' })],
  });
  assert.equal(progressOf({ sites: [begun] }), 'shop 0/2');
  const halfway = site({
    state: 'reloading',
    drainTimeoutMs: 30_000,
    workers: [
      worker(0, 1, { state: 'draining', connections: 3 }),
      worker(1, 1, {}),
      worker(0, 2, {}),
      worker(1, 2, { state: 'booting' }),
    ],
  });
  assert.equal(progressOf({ sites: [halfway] }), 'shop 1/2, waits for 3 connections, at most 30s');
  assert.equal(
    progressOf({ sites: [halfway] }, 'Ctrl-C again ends at once'),
    'shop 1/2, waits for 3 connections, at most 30s; Ctrl-C again ends at once',
  );
});

void test('of sites that are at work five are named; those at rest are not', () => {
  const sites = Array.from({ length: 8 }, (_, index) =>
    site({
      siteId: `s${index}`,
      state: index === 0 ? 'running' : 'booting',
      workers: [worker(0, 1, { state: 'booting' })],
    }),
  );
  assert.equal(progressOf({ sites }), 's1 0/1, s2 0/1, s3 0/1, s4 0/1, s5 0/1, 2 more');
  assert.equal(progressOf({ sites: [site({ state: 'waiting', waitsFor: ['db'] })] }), 'shop waits for db');
  assert.equal(progressOf({ sites: [site({}), site({ state: 'errored' })] }), '');
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
