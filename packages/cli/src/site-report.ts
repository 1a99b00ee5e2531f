// What `vhostd status SITE` shows: the workers, what went wrong, where all is, and the conf in force.
import { basename } from 'node:path';
import type { SiteDetail, WorkerStatus } from '@vhostd/protocol';
import { formatBytes } from './bytes.js';
import { renewalText } from './certificate-report.js';
import { columns, wrapped } from './columns.js';
import { counted } from './counted.js';
import { formatDuration } from './duration.js';
import { printableLine } from './printable.js';
import {
  byReason,
  hostsWithin,
  memoryAndAge,
  NONE,
  requestRate,
  stateOf,
  workerStateOf,
} from './site-cells.js';
import { faultsOf } from './site-faults.js';

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
    ...memoryAndAge([worker]),
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
function workerState(worker: WorkerStatus, site: SiteDetail): string {
  const { generation } = worker;
  const told = workerStateOf(worker, site);
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
const MIN_VALUE_WIDTH = 20;
const MAX_ENTRY_COUNT = 100;
/** What stands before the hosts. */
const HOSTS_INDENT = 'hosts  '.length;
