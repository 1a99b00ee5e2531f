import assert from 'node:assert/strict';
import { describe, it, test } from 'node:test';
import type { MasterEvent, SiteStatus, WorkerStatus } from '@vhostd/protocol';
import { siteAddress, siteOfAddress } from './address.js';
import { describe as describeEvent } from './event-text.js';
import { seriesOf } from './figures.js';
import { formatBytes, formatDuration, formatRate, formatShare, plural } from './format.js';
import { siteCondition } from './tone.js';

void describe('figures', () => {
  const figures = { requests: null, connections: 2, cpu: 0.5, memoryBytes: 100 };
  const samples = [
    { timeMs: 1_000, sites: { a: figures, b: { ...figures, requests: 3 } } },
    { timeMs: 3_000, sites: { b: { ...figures, connections: 5 } } },
  ];

  void it('of all sites are sums of those that are known', () => {
    assert.deepEqual(seriesOf(samples, 'requests'), { times: [1, 3], values: [3, null] });
    assert.deepEqual(seriesOf(samples, 'connections'), { times: [1, 3], values: [4, 5] });
  });

  void it('of one site are not known while it was not there', () => {
    assert.deepEqual(seriesOf(samples, 'connections', 'a'), { times: [1, 3], values: [2, null] });
  });
});

void test('an event is told as what it is about, then its fields, an error by its message', () => {
  const error = { code: 'ERR_WORKER_FAILED', message: 'no database' };
  const event = { event: 'site.given-up', time: '', payload: { siteId: 'shop', error, count: 3 } } as const;
  assert.equal(describeEvent(event as unknown as MasterEvent), 'shop · error no database · count 3');
});

void describe('formats', () => {
  void it('show what a person can take in', () => {
    assert.deepEqual([0, 0.04, 12, 1_239.6].map(formatRate), ['0.0', '0.0', '12.0', '1,240']);
    assert.deepEqual([0, 0.016, 1.5].map(formatShare), ['0 %', '1.6 %', '150 %']);
    assert.deepEqual([0, 5 << 20, 100 << 20, 3 * 2 ** 30].map(formatBytes), [
      '0 MB',
      '5.0 MB',
      '100 MB',
      '3.00 GB',
    ]);
    assert.deepEqual([900, 61_000, 90_061_000].map(formatDuration), ['0s', '1m 1s', '1d 1h']);
    assert.deepEqual([plural(1, 'worker'), plural(2_000, 'worker')], ['1 worker', '2,000 workers']);
  });
});

void describe('the condition of a site', () => {
  const worker: WorkerStatus = {
    workerId: 'a/1',
    slot: 0,
    generation: 1,
    state: 'ready',
    connections: 0,
    restarts: 0,
    replacements: 0,
  };
  const site: SiteStatus = {
    siteId: 'a',
    state: 'running',
    generation: 1,
    hosts: [],
    workers: [worker],
    parked: 0,
  };
  const toneOf = (fields: Partial<SiteStatus>): string[] => {
    const { tone, label, why = '' } = siteCondition({ ...site, ...fields });
    return [tone, label, why];
  };

  void it('says what is wrong, and why', () => {
    assert.deepEqual(toneOf({}), ['good', 'running', '']);
    assert.deepEqual(toneOf({ state: 'errored', reason: 'no database' }), ['bad', 'errored', 'no database']);
    assert.deepEqual(toneOf({ reason: 'reload failed' }), ['warn', 'running', 'reload failed']);
    assert.deepEqual(toneOf({ state: 'waiting', waitsFor: ['b', 'c'] }), [
      'warn',
      'waiting',
      'waits for b, c',
    ]);
    assert.deepEqual(toneOf({ workers: [worker, { ...worker, state: 'backoff', reason: 'exit 1' }] }), [
      'warn',
      '1 failing',
      'exit 1',
    ]);
    assert.deepEqual(toneOf({ certificateFaults: ['expires tomorrow'] }), [
      'warn',
      'certificate',
      'expires tomorrow',
    ]);
  });

  void it('is quiet where nothing is meant to run', () => {
    for (const state of ['frozen', 'idle', 'stopped', 'finished'] as const)
      assert.deepEqual(toneOf({ state }), ['quiet', state, '']);
  });
});

void it('the address of a site leads back to it, whatever its name', () => {
  for (const siteId of ['shop', 'a/b', 'ä ö', '100%', '<script>'])
    assert.equal(siteOfAddress(siteAddress(siteId)), siteId);
  for (const hash of ['', '#/', '#/sites/', '#/sites/%']) assert.equal(siteOfAddress(hash), undefined);
});
