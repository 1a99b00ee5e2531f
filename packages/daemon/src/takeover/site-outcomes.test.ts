import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SiteState } from '@vhostd/protocol';
import { siteOutcomes } from './site-outcomes.js';

void test('a site that serves, or will as soon as somebody comes, is no reason against an upgrade', () => {
  const states: SiteState[] = ['running', 'reloading', 'frozen', 'idle', 'finished'];
  const sites = states.map((state) => ({ siteId: state, state }));
  assert.deepEqual(siteOutcomes(sites), { running: states, failed: [] });
});

void test('of any other one it is told why, by its own reason or by its state', () => {
  const sites = [
    { siteId: 'a', state: 'errored', reason: 'no such file' },
    { siteId: 'b', state: 'restarting' },
    { siteId: 'c', state: 'stopped' },
  ] as const;
  assert.deepEqual(siteOutcomes(sites), {
    running: [],
    failed: [
      { siteId: 'a', reason: 'no such file' },
      { siteId: 'b', reason: 'it is restarting' },
      { siteId: 'c', reason: 'it is stopped' },
    ],
  });
});
