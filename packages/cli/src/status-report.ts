// What `vhostd status` shows: the processes, then a line a site, then what went wrong.
import { SHOWN_SITE_STATES, SHOWN_WORKER_STATES } from '@vhostd/protocol';
import type { DaemonStatus, SiteStatus } from '@vhostd/protocol';
import { colour } from './colours.js';
import { counted } from './counted.js';
import { columns, within, wrapped } from './columns.js';
import { formatDuration } from './duration.js';
import { printableLine } from './printable.js';
import { byReason, hostsWithin, memoryAndAge, NONE, requestRate, stateOf } from './site-cells.js';
import { faultsOf, isAtFault } from './site-faults.js';

/** How wide the lines of a report may be, in characters. */
export interface ReportWidth {
  /** Of a site's line in the table. */
  table: number;
  /** Of everything else: `Infinity` where no person reads it on a terminal. */
  text: number;
}

/** The lines of the report; with colours, sites at fault have one. */
export function statusReport(status: DaemonStatus, width: ReportWidth, colours = false): string[] {
  const { daemon, sites } = status;
  return [
    ...columns([
      [
        'daemon',
        `pid ${daemon.pid}, ${daemon.version}, Node ${daemon.node}, up ${formatDuration(daemon.uptimeMs)}`,
      ],
      ['master', describeMaster(status)],
      ['listens', describeListeners(status)],
      ...(status.conf === undefined ? [] : [['conf', status.conf]]),
      ...describeFleet(status),
      ...describeMetrics(status),
      ...describeRefusals(status),
    ]).map(printableLine),
    '',
    ...(sites.length === 0 ? ['no sites'] : siteTable(sites, width.table, colours)),
    ...complaints(status).flatMap((line) => wrapped(printableLine(line), width.text)),
  ];
}

/** A line a site, those at fault first. */
function siteTable(sites: readonly SiteStatus[], width: number, colours: boolean): string[] {
  const sorted = sites.toSorted((one, other) => rankOf(one) - rankOf(other));
  const nameWidth = Math.max(MIN_NAME_WIDTH, width - OTHER_CELLS_WIDTH);
  const rows = sorted.map((site) => [...siteCells(site, nameWidth), '']);
  const before = columns([HEADINGS, ...rows.map((row) => row.map(printableLine))]);
  const room = Math.max(MIN_HOSTS_WIDTH, width - (before[0]?.lastIndexOf('HOSTS') ?? 0));
  const cells = sorted.map((site, index) => [
    ...(rows[index]?.slice(0, -1) ?? []),
    hostsWithin(site.hosts, room),
  ]);
  const [heading = '', ...lines] = columns([HEADINGS, ...cells].map((row) => row.map(printableLine)));
  const coloured = lines.map((line, index) => {
    const site = sorted[index];
    const name = site === undefined ? undefined : RANK_COLOURS[rankOf(site)];
    const fitting = within(line, width);
    return name === undefined ? fitting : colour(name, fitting, colours);
  });
  return [within(heading, width), ...coloured];
}

/** Of errored, degraded and other sites. */
const RANK_COLOURS = ['red', 'yellow', undefined] as const;

function rankOf(site: SiteStatus): number {
  if (isAtFault(site, 'errored')) return 0;
  return isAtFault(site, 'degraded') ? 1 : 2;
}

function siteCells(site: SiteStatus, nameWidth: number): string[] {
  const { siteId, workers, generation, slots = 0 } = site;
  const present = workers.filter((worker) => {
    const { presence, fails } = SHOWN_WORKER_STATES[worker.state];
    return worker.generation === generation && (presence === 'there' || fails);
  });
  const ready = present.filter(({ state }) => state === 'ready');
  const sum = (of: (worker: SiteStatus['workers'][number]) => number): string =>
    String(workers.reduce((total, worker) => total + of(worker), 0));
  return [
    within(siteId, nameWidth),
    stateOf(site),
    // The first one boots alone.
    `${ready.length}/${SHOWN_SITE_STATES[site.state].whole ? Math.max(slots, present.length) : present.length}`,
    sum(({ connections }) => connections),
    requestRate(workers),
    sum(({ restarts }) => restarts),
    ...memoryAndAge(workers),
  ];
}

function describeMaster({ master, handoff }: DaemonStatus): string {
  if (master === undefined) return 'none right now';
  const transport = handoff === undefined ? '' : `, handoff by ${handoff.type}`;
  return `pid ${master.pid}, up ${formatDuration(master.uptimeMs)}, ${counted(master.restarts, 'restart')}${transport}`;
}

function describeListeners({ listeners }: DaemonStatus): string {
  const named = listeners.map(({ address, port, type }) => {
    const host = address.includes(':') ? `[${address}]` : address;
    return `${host}:${port} ${type}`;
  });
  return named.length === 0 ? NONE : named.join(', ');
}

/** What was refused: connections that no worker saw, then what workers refused, by site; no line where there is none. */
function describeRefusals({ counts, sites }: DaemonStatus): string[][] {
  const ofSites = sites
    .map(({ siteId, refused = {} }) => ({
      siteId,
      refused,
      sum: Object.values(refused).reduce((sum, count) => sum + count, 0),
    }))
    .filter(({ sum }) => sum > 0)
    .toSorted((one, other) => other.sum - one.sum);
  const shown = ofSites.slice(0, REFUSING_MAX_COUNT);
  const parts = [
    byReason(counts?.refusedReasons ?? {}),
    ...shown.map(({ siteId, refused }) => `by ${siteId}: ${byReason(refused)}`),
    ofSites.length > shown.length ? `by ${counted(ofSites.length - shown.length, 'other site')}` : '',
  ].filter((part) => part !== '');
  return parts.length === 0 ? [] : [['refused', parts.join('; ')]];
}

function describeFleet({ fleet }: DaemonStatus): string[][] {
  if (fleet === undefined) return [];
  const { machine, state, error } = fleet;
  return [['fleet', `${machine}, ${state}${error === undefined ? '' : `: ${error}`}`]];
}

function describeMetrics({ metrics }: DaemonStatus): string[][] {
  if (metrics === undefined) return [];
  const { ipaddress = '', port, fault, push } = metrics;
  const host = ipaddress.includes(':') ? `[${ipaddress}]` : ipaddress;
  const parts = [
    ...(port === undefined ? [] : [`${host}:${port}${fault === undefined ? '' : `, not there: ${fault}`}`]),
    ...(push === undefined
      ? []
      : [`to ${push.endpoint}${push.fault === undefined ? '' : `, which failed: ${push.fault}`}`]),
  ];
  return [['metrics', parts.join('; ')]];
}

function complaints({ sites, handoff }: DaemonStatus): string[] {
  const lines = sites.flatMap(faultsOf);
  if (handoff?.reason !== undefined) {
    const without = handoff.handsBack === false ? ' without hand-backs' : '';
    lines.push(`handoff by ${handoff.type}${without}: ${handoff.reason}`);
  }
  return lines.length === 0 ? [] : ['', ...lines];
}

const HEADINGS = ['SITE', 'STATE', 'WORKERS', 'CONNS', 'REQ/S', 'RESTARTS', 'MEM', 'UP', 'HOSTS'];
const MIN_HOSTS_WIDTH = 6;
/** What the cells beside a site's name and its hosts take, and a few hosts. */
const OTHER_CELLS_WIDTH = 67;
const MIN_NAME_WIDTH = 16;
/** How many sites are named that have refused something. */
const REFUSING_MAX_COUNT = 5;
