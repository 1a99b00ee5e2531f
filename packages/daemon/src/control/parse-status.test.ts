import assert from 'node:assert/strict';
import { it } from 'node:test';
import { VhostError } from '@vhostd/protocol';
import type { DaemonStatus } from '@vhostd/protocol';
import { parseLoadFailures, parseReloadResult } from './parse-reload.js';
import { parseDaemonStatus } from './parse-status.js';

const worker = {
  workerId: 'a-0',
  slot: 0,
  generation: 1,
  state: 'ready',
  connections: 0,
  restarts: 0,
  replacements: 0,
} as const;
const whole: DaemonStatus = {
  daemon: { pid: 1, version: '0.1.0', node: 'v20.19.0', uptimeMs: 1.5 },
  master: { pid: 2, uptimeMs: 3, restarts: 0 },
  listeners: [{ address: '::', port: 80, type: 'tcp' }],
  sites: [
    {
      siteId: 'a',
      state: 'running',
      generation: 1,
      hosts: ['a.test'],
      workers: [worker, { ...worker, pid: 3, reason: 'r' }],
      parked: 0,
      paused: true,
      maintenance: { message: 'm' },
      waitsFor: ['b'],
      reason: 'r',
    },
  ],
  handoff: { type: 'ipc', reason: 'r' },
  counts: {
    accepted: 1,
    handedOff: 1,
    handedOffAgain: 0,
    handedBack: 0,
    refused: { '400': 2 },
    refusedReasons: { 'host-missing': 2 },
    violations: 0,
  },
};

void it('a status comes through as it is, with what may be absent and without', () => {
  assert.deepEqual(parseDaemonStatus(structuredClone(whole)), whole);
  const { daemon, listeners, sites } = whole;
  assert.deepEqual(parseDaemonStatus({ daemon, listeners, sites }), { daemon, listeners, sites });
});

void it('a status that is none is refused with the place that is wrong', () => {
  const site = whole.sites[0];
  const wrong: [unknown, string][] = [
    [null, 'status'],
    [[], 'status'],
    [{ ...whole, daemon: {} }, 'status.daemon.pid'],
    [{ ...whole, listeners: {} }, 'status.listeners'],
    [{ ...whole, listeners: [{ address: '::', port: 80, type: 'udp' }] }, 'status.listeners[0].type'],
    [{ ...whole, sites: [{ ...site, workers: [{ ...worker, pid: -1 }] }] }, 'status.sites[0].workers[0].pid'],
    [{ ...whole, sites: [{ ...site, state: 'gone' }] }, 'status.sites[0].state'],
    [{ ...whole, sites: [{ ...site, paused: false }] }, 'status.sites[0].paused'],
    [{ ...whole, sites: [{ ...site, maintenance: { message: 1 } }] }, 'status.sites[0].maintenance.message'],
    [{ ...whole, counts: { ...whole.counts, refused: { '400': '2' } } }, 'status.counts.refused.400'],
  ];
  for (const [value, path] of wrong) {
    assert.throws(
      () => parseDaemonStatus(value),
      (error) =>
        error instanceof VhostError && error.code === 'ERR_MESSAGE_INVALID' && error.info['path'] === path,
      path,
    );
  }
});

void it('outcomes of a reload and of loading are narrowed likewise', () => {
  const error = { code: 'ERR_SITE', message: 'm', info: { a: 1 }, stack: 's' };
  const sites = [{ siteId: 'a', generation: 2, ok: false, error }];
  assert.deepEqual(parseReloadResult({ sites }), { sites });
  assert.throws(() => parseReloadResult({ sites: [{ siteId: 'a', generation: 2, ok: 1 }] }), {
    code: 'ERR_MESSAGE_INVALID',
  });
  const failures = [{ siteId: 'a', error: { code: 'ERR_SITE', message: 'm' } }];
  assert.deepEqual(parseLoadFailures({ failures }), failures);
  assert.throws(() => parseLoadFailures({ failures: [{ siteId: 'a', error: { code: 1, message: 'm' } }] }), {
    code: 'ERR_MESSAGE_INVALID',
  });
});
