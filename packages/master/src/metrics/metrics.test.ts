import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type {
  CertificateStatus,
  RenewalStatus,
  FleetStanding,
  MetricFamily,
  RequestStats,
  SiteStatus,
  WorkerRefusal,
} from '@vhostd/protocol';
import { metricsText } from '@vhostd/protocol/schemas';
import { MasterEvents } from '../events.js';
import { METRICS } from './definitions.js';
import { Metrics } from './metrics.js';

const WORKER = { siteId: 'a', workerId: 'a/1', workerPid: 7, generation: 1 };
const STATS = { ...WORKER, residentBytes: 1, requestCount: 0, cpuMs: 1, connectionCount: 0 };
const SITE: SiteStatus = {
  siteId: 'a',
  state: 'running',
  generation: 3,
  hosts: [],
  workers: [],
  parked: 2,
};

void describe('metrics', () => {
  void it('are all there, in order, whatever has happened', () => {
    const { families } = bench();
    assert.deepEqual(
      families().map(({ name, type, help }) => [name, type, help]),
      Object.entries(METRICS).map(([name, { type, help }]) => [name, type, help]),
    );
  });

  void it('count connections by what becomes of them', () => {
    const { events, text } = bench();
    events.emit('connection.accepted', { key: '::80', secure: false });
    events.emit('connection.accepted', { key: '::80', secure: false });
    events.emit('connection.refused', { key: '::80', status: 421, reason: 'unknown-host' });
    events.emit('connection.handed-off', { siteId: 'a', workerId: 'a/1', count: 3 });
    events.emit('connection.redispatched', { siteId: 'a', workerId: 'a/1', why: 'lost' });
    events.emit('connection.handed-back', { siteId: 'a', workerId: 'a/1' });
    const lines = text();
    for (const line of [
      'vhostd_connections_accepted_total{secure="false"} 2',
      'vhostd_connections_refused_total{status="421",reason="unknown-host"} 1',
      'vhostd_connections_handed_off_total{site="a"} 3',
      'vhostd_connections_redispatched_total{site="a",why="lost"} 1',
      'vhostd_connections_moved_total{site="a"} 1',
      'vhostd_connections_queued{site="a"} 2',
      'vhostd_site_state{site="a",state="running"} 1',
      'vhostd_site_generation{site="a"} 3',
    ])
      assert.ok(lines.includes(line), line);
  });

  void it('sum up the requests of a site over its workers, also over those that have ended', () => {
    const { events, text } = bench();
    events.emit('worker.stats', { ...STATS, requests: told(2, 30) });
    events.emit('worker.stats', { ...STATS, requests: told(5, 50) });
    events.emit('worker.stats', { ...STATS, workerId: 'a/2', requests: told(1, 10) });
    end(events);
    // The same name as a process before it, and another process: it begins at zero.
    events.emit('worker.stats', { ...STATS, workerPid: 8, requests: told(4, 40) });
    const lines = text();
    for (const line of [
      'vhostd_http_requests_total{site="a",status="2xx"} 10',
      'vhostd_http_request_duration_seconds_bucket{site="a",le="0.005"} 10',
      'vhostd_http_request_duration_seconds_bucket{site="a",le="+Inf"} 10',
      'vhostd_http_request_duration_seconds_sum{site="a"} 0.1',
      'vhostd_http_request_duration_seconds_count{site="a"} 10',
    ])
      assert.ok(lines.includes(line), `${line}\n${lines.join('\n')}`);
  });

  void it('never fall where a worker tells less than before', () => {
    const { events, text } = bench();
    events.emit('worker.stats', { ...STATS, requests: told(5, 50) });
    events.emit('worker.stats', { ...STATS, requests: told(1, 10) });
    assert.ok(text().includes('vhostd_http_requests_total{site="a",status="2xx"} 5'));
  });

  void it('stay numbers whatever workers tell, and however often', () => {
    const { events, text } = bench();
    const [most, none] = [told(2 ** 53 - 1, 2 ** 53 - 1), told(0, 0)];
    for (const requests of [most, none, most, none, most])
      events.emit('worker.stats', { ...STATS, requests });
    const lines = text();
    assert.ok(lines.includes('vhostd_http_requests_total{site="a",status="2xx"} 9007199254740991'));
    assert.ok(lines.includes('vhostd_http_request_duration_seconds_sum{site="a"} 9007199254740.99'));
  });

  void it('forget a worker that has ended, and a site that is gone', () => {
    const { events, text } = bench();
    const loopDelay = { p50Ms: 0, p99Ms: 0.12, maxMs: 2 };
    events.emit('worker.stats', { ...STATS, requests: told(1, 1), loopDelay });
    const delay = 'vhostd_worker_event_loop_delay_seconds{site="a",worker="a/1",percentile="100"} 0.002';
    assert.ok(text().includes(delay));
    assert.ok(text().includes(delay.replace('100"} 0.002', '99"} 0.00012')));
    end(events);
    assert.ok(!text().includes(delay));
    assert.ok(text().includes('vhostd_worker_ends_total{site="a",reason="exit"} 1'));
    events.emit('site.removed', { siteId: 'a' });
    const left = text().filter((line) => /^vhostd_(?:http|worker)/.test(line));
    assert.deepEqual(left, []);
  });

  void it('count the lines that access logs have lost, also of workers that have ended', () => {
    const { events, text } = bench();
    const lost = (lostLines: number, workerPid = 7, file = '/a/access.log'): void =>
      void events.emit('worker.stats', { ...STATS, workerPid, accessLog: { file, lostLines } });
    lost(0);
    lost(2);
    lost(5);
    end(events);
    lost(3, 8);
    // It can't take back what it has said.
    lost(1, 8);
    lost(4, 9, '/b/access.log');
    const lines = text().filter((line) => /access\.log/.test(line));
    assert.deepEqual(lines, [
      'vhostd_log_lost_lines_total{file="/a/access.log"} 8',
      'vhostd_log_lost_lines_total{file="/b/access.log"} 4',
    ]);
  });

  void it('count what workers have refused by reason, as whole numbers whatever they say', () => {
    const { events, text } = bench();
    const refused = (siteId: string, reason: WorkerRefusal, count: number): void =>
      void events.emit('worker.refused', { ...WORKER, siteId, status: 421, reason, count });
    refused('a', 'other-host', 2);
    refused('a', 'other-host', 3);
    refused('b', 'other-host', Number.MAX_SAFE_INTEGER);
    refused('b', 'other-host', Number.MAX_SAFE_INTEGER);
    const lines = (): string[] => text().filter((line) => line.startsWith('vhostd_http_requests_refused'));
    const [first, second] = lines();
    assert.equal(first, 'vhostd_http_requests_refused_total{site="a",status="421",reason="other-host"} 5');
    assert.match(second ?? '', / 9007199254740991$/);
    for (const siteId of ['a', 'b']) events.emit('site.removed', { siteId });
    assert.deepEqual(lines(), []);
  });

  void it('tell when certificates are renewed, and how that went', () => {
    const renewals: RenewalStatus[] = [
      { siteId: 'a', kind: 'internal', nextRenewal: '2026-01-02T00:00:00Z', nextRenewalReason: 'two-thirds' },
      {
        siteId: 'a',
        host: 'x.test',
        kind: 'auto',
        nextRenewal: '2026-01-03T00:00:00Z',
        nextRenewalReason: 'retry',
        lastError: { code: 'ERR_ACME_CHALLENGE', message: 'in vain', at: '2026-01-01T00:00:00Z' },
        attemptsLeft: 4,
      },
    ];
    const lines = bench({ renewals })
      .text()
      .filter((line) => /^vhostd_certificate_(?:renewal|attempts)/.test(line));
    assert.deepEqual(lines, [
      'vhostd_certificate_renewal_timestamp_seconds{site="a",host=""} 1767312000',
      'vhostd_certificate_renewal_timestamp_seconds{site="a",host="x.test"} 1767398400',
      'vhostd_certificate_renewal_failed{site="a",host=""} 0',
      'vhostd_certificate_renewal_failed{site="a",host="x.test"} 1',
      'vhostd_certificate_attempts_left{site="a",host="x.test"} 4',
    ]);
  });
  void it('tell when certificates expire, of several for one host the first one', () => {
    const of = (host: string, day: string): CertificateStatus => ({
      ...CERTIFICATE,
      host,
      notAfter: `2026-01-${day}T00:00:00.000Z`,
    });
    const certificates = [of('x.test', '03'), of('x.test', '02'), of('y.test', '03')];
    const lines = bench({ certificates })
      .text()
      .filter((line) => line.startsWith('vhostd_certificate'));
    assert.deepEqual(lines, [
      'vhostd_certificate_expiry_timestamp_seconds{site="a",host="x.test"} 1767312000',
      'vhostd_certificate_expiry_timestamp_seconds{site="a",host="y.test"} 1767398400',
    ]);
  });

  void it('tell how the machine stands in its fleet, where it has one', () => {
    const ofFleet = ({ events, text }: ReturnType<typeof bench>): string[] => {
      events.emit('fleet.lost', { message: 'gone' });
      return text().filter((line) => line.startsWith('vhostd_fleet'));
    };
    const standing = { machine: 'm1', address: '10.0.0.1' };
    assert.deepEqual(ofFleet(bench({ fleet: { ...standing, state: 'lost' } })), [
      'vhostd_fleet_connected 0',
      'vhostd_fleet_drained 0',
      'vhostd_fleet_losses_total 1',
    ]);
    assert.deepEqual(
      ofFleet(bench({ fleet: { ...standing, state: 'connected', drained: true } })).slice(0, 2),
      ['vhostd_fleet_connected 1', 'vhostd_fleet_drained 1'],
    );
    assert.deepEqual(
      bench()
        .text()
        .filter((line) => line.startsWith('vhostd_fleet')),
      [],
    );
  });

  void it('count redirects', () => {
    const { events, text } = bench();
    events.emit('connection.redirected', { key: 'k', host: 'a.test' });
    assert.ok(text().includes('vhostd_connections_redirected_total 1'));
  });

  void it('escape what labels are', () => {
    const family: MetricFamily = {
      name: 'x',
      type: 'gauge',
      help: 'h',
      samples: [{ labels: { file: 'a\\b"c\nd' }, value: 1 }],
    };
    assert.equal(metricsText([family]), '# HELP x h\n# TYPE x gauge\nx{file="a\\\\b\\"c\\nd"} 1\n');
  });
});

function told(count: number, durationMs: number): RequestStats {
  const durations = [count, ...Array.from({ length: 11 }, () => 0)];
  return { started: count, answered: [0, count, 0, 0, 0], durations, durationMs };
}

function end(events: MasterEvents): void {
  events.emit('worker.exited', { ...WORKER, asked: false, expected: false, what: 'exit', reason: 'code 1' });
}

const CERTIFICATE: CertificateStatus = {
  siteId: 'a',
  issuer: 'CN=x',
  names: [],
  notBefore: '2025-01-01T00:00:00.000Z',
  notAfter: '2026-01-01T00:00:00.000Z',
  renewFrom: '2025-12-01T00:00:00.000Z',
  fingerprint: '',
  state: 'good',
  workers: 1,
};

function bench({
  certificates = [],
  renewals = [],
  fleet,
}: { certificates?: CertificateStatus[]; renewals?: RenewalStatus[]; fleet?: FleetStanding } = {}): {
  events: MasterEvents;
  families: () => MetricFamily[];
  text: () => string[];
} {
  const events = new MasterEvents();
  const metrics = new Metrics();
  metrics.subscribe(events);
  const families = (): MetricFamily[] =>
    metrics.families({ version: '1', ready: true, sites: [SITE], certificates, renewals, logs: [], fleet });
  return { events, families, text: () => metricsText(families()).split('\n') };
}
