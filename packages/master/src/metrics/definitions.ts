// Every metric: its type, its labels in order, and what it tells. docs/metrics.md shows them.

interface Definition {
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly labels: readonly string[];
  readonly help: string;
}

export type MetricName =
  | 'vhostd_info'
  | 'vhostd_ready'
  | 'vhostd_master_start_time_seconds'
  | 'vhostd_master_resident_memory_bytes'
  | 'vhostd_master_cpu_seconds_total'
  | 'vhostd_connections_accepted_total'
  | 'vhostd_connections_refused_total'
  | 'vhostd_connections_redirected_total'
  | 'vhostd_connections_left_total'
  | 'vhostd_connections_handed_off_total'
  | 'vhostd_connections_accepted_directly_total'
  | 'vhostd_connections_redispatched_total'
  | 'vhostd_connections_moved_total'
  | 'vhostd_connections_open'
  | 'vhostd_connections_queued'
  | 'vhostd_site_state'
  | 'vhostd_site_generation'
  | 'vhostd_site_workers'
  | 'vhostd_site_reloads_total'
  | 'vhostd_worker_ends_total'
  | 'vhostd_worker_replacements_total'
  | 'vhostd_worker_violations_total'
  | 'vhostd_worker_resident_memory_bytes'
  | 'vhostd_worker_cpu_seconds_total'
  | 'vhostd_worker_event_loop_delay_seconds'
  | 'vhostd_http_requests_total'
  | 'vhostd_http_request_duration_seconds'
  | 'vhostd_http_requests_refused_total'
  | 'vhostd_certificate_expiry_timestamp_seconds'
  | 'vhostd_certificate_renewal_timestamp_seconds'
  | 'vhostd_certificate_renewal_failed'
  | 'vhostd_certificate_attempts_left'
  | 'vhostd_log_lost_lines_total'
  | 'vhostd_fleet_connected'
  | 'vhostd_fleet_drained'
  | 'vhostd_fleet_losses_total';

export const METRICS: Readonly<Record<MetricName, Definition>> = {
  vhostd_info: gauge(['version', 'node'], 'Always 1.'),
  vhostd_ready: gauge([], '1 while new requests are welcome, as /readyz says.'),
  vhostd_master_start_time_seconds: gauge([], 'When the master started, seconds since 1970.'),
  vhostd_master_resident_memory_bytes: gauge([], 'Resident memory of the master.'),
  vhostd_master_cpu_seconds_total: counter([], 'Processor time of the master.'),
  vhostd_connections_accepted_total: counter(['secure'], 'Connections that the master accepted.'),
  vhostd_connections_refused_total: counter(['status', 'reason'], 'Connections ended without a worker.'),
  vhostd_connections_redirected_total: counter([], 'Requests in clear answered with their address with TLS.'),
  vhostd_connections_left_total: counter([], 'Clients that left while they waited for a worker.'),
  vhostd_connections_handed_off_total: counter(['site'], 'Connections that workers took.'),
  vhostd_connections_accepted_directly_total: counter(
    ['site'],
    'Connections that workers accepted themselves.',
  ),
  vhostd_connections_redispatched_total: counter(['site', 'why'], 'Connections given to another worker.'),
  vhostd_connections_moved_total: counter(['site'], 'Idle connections that draining workers handed back.'),
  vhostd_connections_open: gauge(['site'], 'Connections that workers have.'),
  vhostd_connections_queued: gauge(
    ['site'],
    'Connections that wait for a worker, or for the end of a pause.',
  ),
  vhostd_site_state: gauge(['site', 'state'], '1 for the state that the site is in.'),
  vhostd_site_generation: gauge(['site'], 'Generation that serves.'),
  vhostd_site_workers: gauge(['site', 'state'], 'Workers in this state.'),
  vhostd_site_reloads_total: counter(['site', 'outcome'], 'Reloads and cold restarts.'),
  vhostd_worker_ends_total: counter(['site', 'reason'], 'Workers that ended and were not asked to.'),
  vhostd_worker_replacements_total: counter(['site'], 'Workers replaced by another one that serves first.'),
  vhostd_worker_violations_total: counter(['site'], 'Workers killed for breaking the rules of their link.'),
  vhostd_worker_resident_memory_bytes: gauge(['site', 'worker'], 'Resident memory of the process.'),
  vhostd_worker_cpu_seconds_total: counter(['site', 'worker'], 'Processor time of the process.'),
  vhostd_worker_event_loop_delay_seconds: gauge(
    ['site', 'worker', 'percentile'],
    'Delay of the event loop since the last heartbeat.',
  ),
  vhostd_http_requests_total: counter(['site', 'status'], 'Requests answered whole, by class of status.'),
  vhostd_http_request_duration_seconds: histogram(
    ['site'],
    'From the head of a request to the end of its answer.',
  ),
  vhostd_http_requests_refused_total: counter(
    ['site', 'status', 'reason'],
    'Requests that workers refused before the code of their site saw them.',
  ),
  vhostd_certificate_expiry_timestamp_seconds: gauge(
    ['site', 'host'],
    'When the certificate that is served expires, seconds since 1970.',
  ),
  vhostd_certificate_renewal_timestamp_seconds: gauge(
    ['site', 'host'],
    'When the next certificate is tried to get, seconds since 1970.',
  ),
  vhostd_certificate_renewal_failed: gauge(['site', 'host'], '1 while the last attempt has failed.'),
  vhostd_certificate_attempts_left: gauge(
    ['site', 'host'],
    'How often the authority may look in vain again, of five times an hour.',
  ),
  vhostd_log_lost_lines_total: counter(['file'], 'Lines that were lost because the file took none.'),
  vhostd_fleet_connected: gauge([], '1 while the store of the fleet has all of this machine.'),
  vhostd_fleet_drained: gauge([], '1 while an operator has taken this machine out.'),
  vhostd_fleet_losses_total: counter([], 'Times that the store did not answer, or had lost this machine.'),
};

function counter(labels: readonly string[], help: string): Definition {
  return { type: 'counter', labels, help };
}

function gauge(labels: readonly string[], help: string): Definition {
  return { type: 'gauge', labels, help };
}

function histogram(labels: readonly string[], help: string): Definition {
  return { type: 'histogram', labels, help };
}
