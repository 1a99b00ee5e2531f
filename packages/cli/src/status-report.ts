// What `vhostd status` shows: the processes, then a line a site, then what went wrong; or one site.
import { basename } from 'node:path';
import { SHOWN_SITE_STATES, SHOWN_WORKER_STATES } from '@vhostd/protocol';
import type { DaemonStatus, SiteDetail, SiteStatus, WorkerStatus } from '@vhostd/protocol';
import { renewalText } from './certificate-report.js';
import { colour } from './colours.js';
import { counted } from './counted.js';
import { columns, within, wrapped } from './columns.js';
import { formatBytes } from './bytes.js';
import { formatDuration } from './duration.js';
import { printableLine } from './printable.js';

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

/**
 * The lines about one site: a line a worker, what went wrong, where all is, and the conf in force, whose
 * long values go on in the next lines: of a list each entry has its own, the first hundred of them.
 */
export function siteReport(site: SiteDetail, textWidth: number): string[] {
  const rows = site.workers.map((worker) => [
    worker.workerId,
    worker.pid === undefined ? NONE : String(worker.pid),
    workerState(worker, site),
    String(worker.connections),
    requestRate([worker]),
    String(worker.restarts),
    String(worker.replacements),
    worker.cpuShare === undefined ? NONE : `${(worker.cpuShare * 100).toFixed(1)}%`,
    ...vitals([worker]),
  ]);
  const faults = faultsOf(site).flatMap((line) => wrapped(printableLine(line), textWidth));
  return [
    ...columns([
      ['site', `${site.siteId}, ${stateOf(site)}, generation ${site.generation}`],
      ['hosts', hostsWithin(site.hosts, textWidth - HOSTS_INDENT)],
      ...runRows(site),
      ...cronRows(site),
      ...(site.spares === undefined ? [] : [['spares', `${site.spares} of ${String(site.conf['warm'])}`]]),
      ...(site.kept === undefined ? [] : [['kept', keptBy(site.kept)]]),
      ...(site.refused === undefined ? [] : [['refused', byReason(site.refused)]]),
      ...usageRows(site),
      ...certificateRows(site),
      ...alsoListensRows(site),
      ...(site.logs ?? []).map(({ file, streams }) => ['log', `${file} (${streams.join(', ')})`]),
    ]),
    '',
    ...(rows.length === 0 ? ['no workers'] : columns([WORKER_HEADINGS, ...rows])),
    ...(faults.length === 0 ? [] : ['', ...faults]),
    ...(site.ends.length === 0 ? [] : ['', 'ends that nobody asked for:', ...endLines(site, textWidth)]),
    '',
    'conf in force:',
    ...confLines(confRows(site.conf), textWidth),
  ].map(printableLine);
}

/** A worker of another generation than its site's is on its way in or out. */
function workerState({ state, generation }: WorkerStatus, site: SiteDetail): string {
  const told = site.state === 'frozen' && state === 'ready' ? 'frozen' : state;
  return generation === site.generation ? told : `${told} (generation ${generation})`;
}

/** Connections that no worker has. */
function keptBy(count: number): string {
  return `${counted(count, 'connection')} between two requests, by the master`;
}

/** What runs, and where. */
function runRows({ conf }: SiteDetail): string[][] {
  const { workerFile, workerArgs, workerOptions } = conf;
  const cwd: unknown =
    typeof workerOptions === 'object' && workerOptions !== null
      ? Reflect.get(workerOptions, 'cwd')
      : undefined;
  if (typeof workerFile !== 'string' || typeof cwd !== 'string') return [];
  const manager = /^(?:npm|yarn|pnpm)$/u.exec(basename(workerFile))?.[0];
  const script = manager === undefined || !Array.isArray(workerArgs) ? [] : workerArgs;
  const what = manager === undefined ? workerFile : [manager, ...script].join(' ');
  return [['runs', what === cwd ? cwd : `${what}, in ${cwd}`]];
}

function cronRows({ cron }: SiteDetail): string[][] {
  if (cron === undefined) return [];
  const { next, skipped } = cron;
  return [
    ['next run', next],
    ...(skipped === undefined ? [] : [['skipped', `${skipped.time}: ${skipped.reason}`]]),
  ];
}

function usageRows({ usage, limitsUnheld }: SiteDetail): string[][] {
  const unheld = limitsUnheld === undefined ? [] : [['limits', `not held: ${limitsUnheld}`]];
  if (usage === undefined) return unheld;
  const { cpuMs, throttledMs, processes, memoryBytes, oomKills = 0 } = usage;
  const parts = [
    `${processes} ${processes === 1 ? 'process' : 'processes'}`,
    ...(memoryBytes === undefined ? [] : [`memory ${formatBytes(memoryBytes)}`]),
    `CPU time ${formatDuration(cpuMs)}`,
    ...(throttledMs === 0 ? [] : [`${formatDuration(throttledMs)} of waiting for limits.cpu`]),
    ...(oomKills === 0 ? [] : [`${oomKills} ended for want of memory`]),
  ];
  return [['usage', parts.join(', ')], ...unheld];
}

function certificateRows({ certificates = [], renewals = [] }: SiteDetail): string[][] {
  const served = certificates.map(({ host = 'every host', state, notAfter }) => [
    'cert',
    `${host}, ${state}, until ${notAfter}`,
  ]);
  const next = renewals.map((renewal) => [
    'renewal',
    `${renewal.host ?? 'every host'}, ${renewalText(renewal)}`,
  ]);
  return [...served, ...next];
}

/** Servers of its app beside the site's. */
function alsoListensRows({ workers }: SiteDetail): string[][] {
  const servers = new Set(workers.flatMap(({ alsoListens = [] }) => alsoListens));
  return servers.size === 0 ? [] : [['also', [...servers].join(', ')]];
}

/** A reason that was the one before, too, is told once. */
function endLines({ ends }: SiteDetail, textWidth: number): string[] {
  const indent =
    Math.max(...ends.map(({ time, workerId }) => time.length + workerId.length)) + '      '.length;
  const room = Math.max(MIN_VALUE_WIDTH, textWidth - indent);
  const rows = ends.flatMap(({ time, workerId, reason }, index) => {
    const told = index > 0 && reason === ends[index - 1]?.reason ? 'the same' : reason;
    const [first = '', ...more] = broken(printableLine(told), room);
    return [[`  ${time}`, workerId, first], ...more.map((line) => ['', '', line])];
  });
  return columns(rows);
}

/** A field a line; an object's fields as `restart.intensity`. */
function confRows(
  conf: Readonly<Record<string, unknown>>,
  before = '  ',
): (readonly [name: string, value: unknown])[] {
  return Object.entries(conf).flatMap(([name, value]): (readonly [string, unknown])[] =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? confRows({ ...value }, `${before}${name}.`)
      : [[`${before}${name}`, value]],
  );
}

/** Nothing of a value is cut off, since that may be what is looked for; of a list of a thousand hosts, the rest is. */
function confLines(rows: readonly (readonly [name: string, value: unknown])[], textWidth: number): string[] {
  const nameWidth = Math.max(0, ...rows.map(([name]) => name.length));
  const room = Math.max(MIN_VALUE_WIDTH, textWidth - nameWidth - 2);
  const cells = rows.flatMap(([name, value]) => {
    const text = typeof value === 'string' ? value : JSON.stringify(value);
    const parts = text.length > room && Array.isArray(value) ? entriesOf(value) : [text];
    const lines = parts.flatMap((part) => broken(printableLine(part), room));
    return lines.map((line, index) => [index === 0 ? name : '', line]);
  });
  return columns(cells);
}

/** `[first,`, `second,`, `third]`. */
function entriesOf(list: readonly unknown[]): string[] {
  const shown = list.slice(0, MAX_ENTRY_COUNT).map((entry) => JSON.stringify(entry));
  const more = list.length - shown.length;
  const entries = more === 0 ? shown : [...shown, `and ${more} more`];
  const last = entries.length - 1;
  return entries.map((entry, index) => `${index === 0 ? '[' : ''}${entry}${index === last ? ']' : ','}`);
}

/** Between words, and within one that is too long, such as a path. */
function broken(text: string, width: number): string[] {
  return wrapped(text, width).flatMap((line) => {
    const characters = Array.from(line);
    const count = Math.max(1, Math.ceil(characters.length / width));
    return Array.from({ length: count }, (_, index) =>
      characters.slice(index * width, (index + 1) * width).join(''),
    );
  });
}

/** What a site may be at fault with. */
export type Fault = 'errored' | 'degraded';

/** Errored: it was given up. Degraded: that, or it does not serve with all its workers, its last reload failed, or a certificate is not all well. */
export function isAtFault(site: SiteStatus, fault: Fault): boolean {
  const { verdict } = SHOWN_SITE_STATES[site.state];
  if (verdict === 'failed') return true;
  if (fault === 'errored') return false;
  return (
    verdict === 'pending' ||
    site.reason !== undefined ||
    site.certificateFaults !== undefined ||
    site.workers.some(({ state }) => SHOWN_WORKER_STATES[state].fails)
  );
}

const HEADINGS = ['SITE', 'STATE', 'WORKERS', 'CONNS', 'REQ/S', 'RESTARTS', 'MEM', 'UP', 'HOSTS'];
const WORKER_HEADINGS = [
  'WORKER',
  'PID',
  'STATE',
  'CONNS',
  'REQ/S',
  'RESTARTS',
  'REPLACED',
  'CPU',
  'MEM',
  'UP',
];
const NONE = '-';
const MIN_VALUE_WIDTH = 20;
const MAX_ENTRY_COUNT = 100;

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

/** Requests a second of all of these workers that are known. */
function requestRate(workers: readonly SiteStatus['workers'][number][]): string {
  const rates = workers.flatMap(({ requestsPerSecond }) => requestsPerSecond ?? []);
  if (rates.length === 0) return NONE;
  const sum = rates.reduce((total, rate) => total + rate, 0);
  return sum === 0 || sum >= 100 ? String(Math.round(sum)) : sum.toFixed(1);
}

/** Memory of all of these workers, and how long the oldest one has lived. */
function vitals(workers: readonly SiteStatus['workers'][number][]): string[] {
  const memories = workers.flatMap(({ memoryBytes }) => memoryBytes ?? []);
  const uptimes = workers.flatMap(({ uptimeMs }) => uptimeMs ?? []);
  return [
    memories.length === 0 ? NONE : formatBytes(memories.reduce((sum, bytes) => sum + bytes, 0)),
    uptimes.length === 0 ? NONE : formatDuration(Math.max(...uptimes)),
  ];
}

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
    ...vitals(workers),
  ];
}

/** As many hosts as there is room for, and how many more there are. */
function hostsWithin(hosts: readonly string[], room: number): string {
  const [first = NONE, ...others] = hosts;
  const allOthers = others.length === 0 ? '' : ` +${others.length}`;
  if (first.length + allOthers.length > room) {
    return `${first.slice(0, Math.max(1, room - allOthers.length - 1))}…${allOthers}`;
  }
  let text = first;
  for (const [index, host] of hosts.entries()) {
    if (index === 0) continue;
    const rest = hosts.length - index;
    const longer = `${text}, ${host}`;
    const more = ` +${rest}`;
    if (longer.length + (rest === 1 ? 0 : more.length) > room) return `${text}${more}`;
    text = longer;
  }
  return text;
}

const MIN_HOSTS_WIDTH = 6;
/** What the cells beside a site's name and its hosts take, and a few hosts. */
const OTHER_CELLS_WIDTH = 67;
const MIN_NAME_WIDTH = 16;
/** How many sites are named that have refused something. */
const REFUSING_MAX_COUNT = 5;
/** What stands before the hosts of one site. */
const HOSTS_INDENT = 'hosts  '.length;

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

/** Counts, the largest one first. */
function byReason(counts: Readonly<Record<string, number>>): string {
  const reasons = Object.entries(counts).toSorted(([, one], [, other]) => other - one);
  return reasons.map(([reason, count]) => `${count} ${reason}`).join(', ');
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

function waiting(count: number): string {
  return count === 1 ? '1 connection waits' : `${count} connections wait`;
}

/** What the site does, and what was done to it. */
function stateOf({ state, paused, maintenance }: SiteStatus): string {
  const marks = [...(paused ? ['paused'] : []), ...(maintenance === undefined ? [] : ['maintenance'])];
  return [...(state === 'running' && marks.length > 0 ? [] : [state]), ...marks].join(', ');
}

function complaints({ sites, handoff }: DaemonStatus): string[] {
  const lines = sites.flatMap(faultsOf);
  if (handoff?.reason !== undefined) {
    const without = handoff.handsBack === false ? ' without hand-backs' : '';
    lines.push(`handoff by ${handoff.type}${without}: ${handoff.reason}`);
  }
  return lines.length === 0 ? [] : ['', ...lines];
}

function faultsOf(site: SiteStatus): string[] {
  const { siteId, reason, waitsFor, parked, paused, maintenance, certificateFaults = [], workers } = site;
  return [
    // A reason names the site that it waits for, too.
    ...(waitsFor === undefined || reason !== undefined
      ? []
      : [`${siteId}: waits for ${waitsFor.join(', ')}`]),
    ...(reason === undefined ? [] : [`${siteId}: ${reason}`]),
    ...certificateFaults.map((fault) => `${siteId}: ${fault}`),
    ...(maintenance?.message === undefined ? [] : [`${siteId}: in maintenance: ${maintenance.message}`]),
    ...(parked === 0 ? [] : [`${siteId}: ${waiting(parked)} for ${paused ? 'vhostd resume' : 'a worker'}`]),
    ...workers.flatMap((worker) =>
      // Of a site that has stopped it is no complaint, and what the site's own line says needs no second one.
      worker.reason === undefined ||
      worker.state === 'exited' ||
      reason?.includes(worker.reason.replace(/^replaced \S+: /u, '')) === true
        ? []
        : [`${worker.workerId}: ${worker.reason}`],
    ),
  ];
}
