// The numbers of a master, its sites and workers, made out of what happens and of the status. prom-client would take
// 12 MB and 0.3 s here, and keeps counts of its own, while workers tell theirs whole.
import type {
  CertificateStatus,
  RenewalStatus,
  FleetStanding,
  MasterStatus,
  MetricFamily,
  SiteStatus,
} from '@vhostd/protocol';
import type { AccessLogFields, EventPayloads, MasterEvents } from '../events.js';
import type { LogFileStats } from '../logs/log-file.js';
import { Counters, sampleOf } from './counters.js';
import { METRICS } from './definitions.js';
import type { MetricName } from './definitions.js';
import { RequestSums } from './request-sums.js';

/** What is true at the moment at which metrics are asked for. */
export interface MetricsNow {
  readonly version: string;
  readonly ready: boolean;
  readonly sites: MasterStatus['sites'];
  readonly certificates: readonly CertificateStatus[];
  readonly renewals: readonly RenewalStatus[];
  readonly logs: readonly (LogFileStats & { path: string })[];
  /** Absent where the conf names no fleet. */
  readonly fleet: FleetStanding | undefined;
}

type Samples = MetricFamily['samples'];

export class Metrics {
  readonly #counters = new Counters();
  readonly #requests = new RequestSums();
  /** What each process has told last of its event loop. */
  readonly #loops = new Map<
    string,
    Pick<EventPayloads['worker.stats'], 'siteId' | 'workerId' | 'loopDelay'>
  >();

  /** Lines of its access log that each process has lost. */
  readonly #lostLines = new Map<string, number>();

  subscribe(events: MasterEvents): void {
    this.#countConnections(events);
    this.#countSites(events);
    events.on('fleet.lost', () => this.#counters.add('vhostd_fleet_losses_total'));
    events.on('worker.stats', ({ siteId, workerId, workerPid, requests, loopDelay, accessLog }) => {
      const process = `${workerId} ${workerPid}`;
      if (accessLog !== undefined) this.#countLost(process, accessLog);
      if (requests !== undefined) this.#requests.add(siteId, process, requests);
      if (loopDelay !== undefined) this.#loops.set(process, { siteId, workerId, loopDelay });
    });
    events.on('worker.exited', ({ siteId, workerId, workerPid, asked, what }) => {
      const process = `${workerId} ${workerPid}`;
      this.#requests.end(process);
      this.#loops.delete(process);
      this.#lostLines.delete(process);
      if (!asked) this.#counters.add('vhostd_worker_ends_total', [siteId, what]);
    });
  }

  /** All of them, in the order of {@link METRICS}. */
  families(now: MetricsNow): MetricFamily[] {
    const samples = this.#samples(now);
    return (Object.keys(METRICS) as MetricName[]).map((name) => {
      const { type, help } = METRICS[name];
      return { name, type, help, samples: [...(samples[name] ?? this.#counters.of(name))] };
    });
  }

  /** Those that have come since the last time, whatever a worker says. */
  #countLost(process: string, { file, lostLines }: AccessLogFields): void {
    const more = lostLines - (this.#lostLines.get(process) ?? 0);
    this.#lostLines.set(process, lostLines);
    this.#counters.add('vhostd_log_lost_lines_total', [file], Math.max(0, more));
  }

  #countConnections(events: MasterEvents): void {
    const counters = this.#counters;
    events.on('connection.accepted', ({ secure }) =>
      counters.add('vhostd_connections_accepted_total', [String(secure)]),
    );
    events.on('connection.refused', ({ status, reason }) =>
      counters.add('vhostd_connections_refused_total', [String(status), reason]),
    );
    events.on('connection.redirected', () => counters.add('vhostd_connections_redirected_total'));
    events.on('connection.left', () => counters.add('vhostd_connections_left_total'));
    events.on('connection.handed-off', ({ siteId, count }) =>
      counters.add('vhostd_connections_handed_off_total', [siteId], count),
    );
    events.on('connection.accepted-directly', ({ siteId, count }) =>
      counters.add('vhostd_connections_accepted_directly_total', [siteId], count),
    );
    events.on('connection.redispatched', ({ siteId, why }) =>
      counters.add('vhostd_connections_redispatched_total', [siteId, why]),
    );
    events.on('connection.handed-back', ({ siteId }) =>
      counters.add('vhostd_connections_moved_total', [siteId]),
    );
  }

  #countSites(events: MasterEvents): void {
    const counters = this.#counters;
    const reloads = (outcome: 'ok' | 'failed') => (site: { siteId: string }) =>
      counters.add('vhostd_site_reloads_total', [site.siteId, outcome]);
    events.on('site.reloaded', reloads('ok'));
    events.on('site.restarted', reloads('ok'));
    events.on('site.reload.failed', reloads('failed'));
    events.on('site.restart.failed', reloads('failed'));
    events.on('worker.replaced', ({ siteId }) => counters.add('vhostd_worker_replacements_total', [siteId]));
    events.on('worker.refused', ({ siteId, status, reason, count }) =>
      counters.add('vhostd_http_requests_refused_total', [siteId, String(status), reason], count),
    );
    events.on('worker.violation', ({ siteId }) => counters.add('vhostd_worker_violations_total', [siteId]));
    events.on('site.removed', ({ siteId }) => {
      counters.forget(siteId);
      this.#requests.forget(siteId);
    });
  }

  #samples({
    version,
    ready,
    sites,
    certificates,
    renewals,
    logs,
    fleet,
  }: MetricsNow): Partial<Record<MetricName, Samples>> {
    const { user, system } = process.cpuUsage();
    const one = (name: MetricName, value: number, texts: string[] = []): Samples => [
      sampleOf(name, texts, value),
    ];
    return {
      vhostd_info: one('vhostd_info', 1, [version, process.version]),
      vhostd_ready: one('vhostd_ready', Number(ready)),
      vhostd_master_start_time_seconds: one(
        'vhostd_master_start_time_seconds',
        performance.timeOrigin / 1_000,
      ),
      vhostd_master_resident_memory_bytes: one(
        'vhostd_master_resident_memory_bytes',
        process.memoryUsage.rss(),
      ),
      vhostd_master_cpu_seconds_total: one('vhostd_master_cpu_seconds_total', (user + system) / 1e6),
      ...siteSamples(sites),
      vhostd_worker_event_loop_delay_seconds: [...this.#loops.values()].flatMap(delaySamples),
      vhostd_http_requests_total: this.#requests.requests(),
      vhostd_http_request_duration_seconds: this.#requests.durations(),
      vhostd_certificate_expiry_timestamp_seconds: expirySamples(certificates),
      ...renewalSamples(renewals),
      vhostd_log_lost_lines_total: [
        ...logs.map(({ path, lostLines }) => sampleOf('vhostd_log_lost_lines_total', [path], lostLines)),
        // Access logs, which workers write.
        ...this.#counters.of('vhostd_log_lost_lines_total'),
      ],
      vhostd_fleet_connected:
        fleet === undefined ? [] : one('vhostd_fleet_connected', Number(fleet.state === 'connected')),
      vhostd_fleet_drained:
        fleet === undefined ? [] : one('vhostd_fleet_drained', Number(fleet.drained === true)),
    };
  }
}

function siteSamples(sites: readonly SiteStatus[]): Partial<Record<MetricName, Samples>> {
  const ofSites = (name: MetricName, value: (site: SiteStatus) => number): Samples =>
    sites.map((site) => sampleOf(name, [site.siteId], value(site)));
  const ofWorkers = (
    name: MetricName,
    value: (worker: SiteStatus['workers'][number]) => number | undefined,
  ) =>
    sites.flatMap(({ siteId, workers }) =>
      workers.flatMap((worker) => {
        const told = value(worker);
        return told === undefined ? [] : [sampleOf(name, [siteId, worker.workerId], told)];
      }),
    );
  return {
    vhostd_connections_open: ofSites('vhostd_connections_open', ({ workers }) =>
      workers.reduce((sum, { connections }) => sum + connections, 0),
    ),
    vhostd_connections_queued: ofSites('vhostd_connections_queued', ({ parked }) => parked),
    vhostd_site_state: sites.map(({ siteId, state }) => sampleOf('vhostd_site_state', [siteId, state], 1)),
    vhostd_site_generation: ofSites('vhostd_site_generation', ({ generation }) => generation),
    vhostd_site_workers: sites.flatMap(({ siteId, workers }) =>
      [...new Set(workers.map(({ state }) => state))].map((state) =>
        sampleOf(
          'vhostd_site_workers',
          [siteId, state],
          workers.filter((worker) => worker.state === state).length,
        ),
      ),
    ),
    vhostd_worker_resident_memory_bytes: ofWorkers(
      'vhostd_worker_resident_memory_bytes',
      ({ memoryBytes }) => memoryBytes,
    ),
    vhostd_worker_cpu_seconds_total: ofWorkers('vhostd_worker_cpu_seconds_total', ({ cpuMs }) =>
      cpuMs === undefined ? undefined : cpuMs / 1_000,
    ),
  };
}

/** Of several for one host, as while one is renewed, the one that expires first. */
function expirySamples(certificates: readonly CertificateStatus[]): Samples {
  const first = new Map<string, CertificateStatus>();
  for (const certificate of certificates) {
    const key = `${certificate.siteId} ${certificate.host ?? ''}`;
    const known = first.get(key);
    if (known === undefined || certificate.notAfter < known.notAfter) first.set(key, certificate);
  }
  return [...first.values()].map(({ siteId, host = '', notAfter }) =>
    sampleOf('vhostd_certificate_expiry_timestamp_seconds', [siteId, host], Date.parse(notAfter) / 1_000),
  );
}

/** Of those that vhostd keeps. */
function renewalSamples(renewals: readonly RenewalStatus[]): Partial<Record<MetricName, Samples>> {
  const ofRenewals = (name: MetricName, value: (renewal: RenewalStatus) => number | undefined): Samples =>
    renewals.flatMap((renewal) => {
      const told = value(renewal);
      return told === undefined ? [] : [sampleOf(name, [renewal.siteId, renewal.host ?? ''], told)];
    });
  return {
    vhostd_certificate_renewal_timestamp_seconds: ofRenewals(
      'vhostd_certificate_renewal_timestamp_seconds',
      ({ nextRenewal }) => Date.parse(nextRenewal) / 1_000,
    ),
    vhostd_certificate_renewal_failed: ofRenewals('vhostd_certificate_renewal_failed', ({ lastError }) =>
      Number(lastError !== undefined),
    ),
    vhostd_certificate_attempts_left: ofRenewals(
      'vhostd_certificate_attempts_left',
      ({ attemptsLeft }) => attemptsLeft,
    ),
  };
}

function delaySamples({
  siteId,
  workerId,
  loopDelay,
}: Pick<EventPayloads['worker.stats'], 'siteId' | 'workerId' | 'loopDelay'>): Samples {
  if (loopDelay === undefined) return [];
  const { p50Ms, p99Ms, maxMs } = loopDelay;
  const delays = [
    ['50', p50Ms],
    ['99', p99Ms],
    ['100', maxMs],
  ] as const;
  // Whole microseconds, which a division leaves as 0.00011999999999999999.
  return delays.map(([percentile, delayMs]) =>
    sampleOf(
      'vhostd_worker_event_loop_delay_seconds',
      [siteId, workerId, percentile],
      Number((delayMs / 1_000).toFixed(6)),
    ),
  );
}
