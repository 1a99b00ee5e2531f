// The rows of `vhostd top`: sites, and below each its workers, in the order and to the filter that are chosen. Pure.
import type { WorkerRate } from '@vhostd/daemon/client';
import { SHOWN_SITE_STATES, SHOWN_WORKER_STATES } from '@vhostd/protocol';
import type { DaemonStatus, SiteStatus, WorkerStatus } from '@vhostd/protocol';
import { workerStateOf } from '../site-cells.js';

export const SORTS = ['conf', 'name', 'req/s', 'conns', 'cpu', 'mem', 'restarts'] as const;
export type Sort = (typeof SORTS)[number];

/** A site, or one of its workers. */
export interface Row {
  readonly siteId: string;
  /** Absent: it is the row of the site. */
  readonly workerId?: string;
  readonly state: string;
  /** Whether the state is one to look at. */
  readonly bad: boolean;
  /** In a second; undefined: not known. */
  readonly requests: number | undefined;
  readonly connections: number;
  readonly cpu: number | undefined;
  readonly memoryBytes: number | undefined;
  readonly restarts: number;
  readonly uptimeMs: number | undefined;
}

export interface RowChoice {
  readonly sort: Sort;
  /** Part of the name of a site or a host, in any case. */
  readonly filter: string;
  readonly rateOf: (workerId: string) => WorkerRate | undefined;
}

export function rowsOf({ sites }: Pick<DaemonStatus, 'sites'>, { sort, filter, rateOf }: RowChoice): Row[] {
  const wanted = filter.toLowerCase();
  const groups = sites
    .filter(({ siteId, hosts }) => [siteId, ...hosts].some((name) => name.toLowerCase().includes(wanted)))
    .map((site) => {
      const workers = site.workers.map((worker) => workerRow(site, worker, rateOf(worker.workerId)));
      return { site: siteRow(site, workers), workers };
    });
  const order = ORDERS[sort];
  if (order === undefined) return groups.flatMap(({ site, workers }) => [site, ...workers]);
  return groups
    .toSorted((one, other) => order(one.site, other.site))
    .flatMap(({ site, workers }) => [site, ...workers.toSorted(order)]);
}

function workerRow(site: SiteStatus, worker: WorkerStatus, rate: WorkerRate | undefined): Row {
  const { siteId } = site;
  const { workerId, state, connections, memoryBytes, restarts, uptimeMs } = worker;
  return {
    siteId,
    workerId,
    state: workerStateOf(worker, site),
    bad: SHOWN_WORKER_STATES[state].fails,
    requests: rate?.requests,
    connections,
    cpu: rate?.cpu,
    memoryBytes,
    restarts,
    uptimeMs,
  };
}

function siteRow({ siteId, state, paused, maintenance, reason }: SiteStatus, workers: readonly Row[]): Row {
  const marked = maintenance === undefined ? (paused === true ? 'paused' : state) : 'maintained';
  return {
    siteId,
    state: marked,
    bad: SHOWN_SITE_STATES[state].verdict === 'failed' || reason !== undefined,
    requests: sumOf(workers.map(({ requests }) => requests)),
    connections: sumOf(workers.map(({ connections }) => connections)) ?? 0,
    cpu: sumOf(workers.map(({ cpu }) => cpu)),
    memoryBytes: sumOf(workers.map(({ memoryBytes }) => memoryBytes)),
    restarts: sumOf(workers.map(({ restarts }) => restarts)) ?? 0,
    uptimeMs: workers.reduce<number | undefined>(
      (longest, { uptimeMs }) => (uptimeMs === undefined ? longest : Math.max(longest ?? 0, uptimeMs)),
      undefined,
    ),
  };
}

/** Of those that are known; undefined where none is. */
function sumOf(values: readonly (number | undefined)[]): number | undefined {
  const known = values.filter((value) => value !== undefined);
  return known.length === 0 ? undefined : known.reduce((sum, value) => sum + value, 0);
}

const ORDERS: Readonly<Record<Sort, ((one: Row, other: Row) => number) | undefined>> = {
  conf: undefined,
  name: (one, other) => nameOf(one).localeCompare(nameOf(other), 'en', { numeric: true }),
  'req/s': largestFirst(({ requests }) => requests),
  conns: largestFirst(({ connections }) => connections),
  cpu: largestFirst(({ cpu }) => cpu),
  mem: largestFirst(({ memoryBytes }) => memoryBytes),
  restarts: largestFirst(({ restarts }) => restarts),
};

function largestFirst(value: (row: Row) => number | undefined): (one: Row, other: Row) => number {
  return (one, other) => (value(other) ?? -1) - (value(one) ?? -1);
}

/** What the row is about. */
export function nameOf({ siteId, workerId }: Row): string {
  return workerId ?? siteId;
}
