// What `vhostd status` shows: the processes, then a line a worker, then what went wrong.
import type { DaemonStatus, SiteStatus } from '@vhostd/protocol';
import { columns } from './columns.js';
import { formatDuration } from './duration.js';
import { printableLine } from './printable.js';

/** The lines of the report. */
export function statusReport(status: DaemonStatus): string[] {
  const { daemon, sites } = status;
  return [
    ...columns([
      [
        'daemon',
        `pid ${daemon.pid}, ${daemon.version}, Node ${daemon.node}, up ${formatDuration(daemon.uptimeMs)}`,
      ],
      ['master', describeMaster(status)],
      ['listens', describeListeners(status)],
      ...describeRefusals(status),
    ]),
    '',
    ...(sites.length === 0
      ? ['no sites']
      : columns([HEADINGS, ...sites.flatMap(siteRows)].map((row) => row.map(printableLine)))),
    ...complaints(status),
  ].map(printableLine);
}

const HEADINGS = ['SITE', 'STATE', 'GENERATION', 'HOSTS', 'WORKER', 'PID', 'STATE', 'CONNECTIONS'];
const NONE = '-';

function describeMaster({ master, handoff }: DaemonStatus): string {
  if (master === undefined) return 'none right now';
  const restarts = master.restarts === 1 ? '1 restart' : `${master.restarts} restarts`;
  const transport = handoff === undefined ? '' : `, hand-over by ${handoff.type}`;
  return `pid ${master.pid}, up ${formatDuration(master.uptimeMs)}, ${restarts}${transport}`;
}

function describeListeners({ listeners }: DaemonStatus): string {
  const named = listeners.map(({ address, port, type }) => {
    const host = address.includes(':') ? `[${address}]` : address;
    return `${host}:${port} ${type}`;
  });
  return named.length === 0 ? NONE : named.join(', ');
}

/** Connections that no worker saw, by reason, the most frequent one first; no line where there are none. */
function describeRefusals({ counts }: DaemonStatus): string[][] {
  const reasons = Object.entries(counts?.refusedReasons ?? {}).toSorted(([, one], [, other]) => other - one);
  if (reasons.length === 0) return [];
  return [['refused', reasons.map(([reason, count]) => `${count} ${reason}`).join(', ')]];
}

/** A line for each worker; what belongs to the site stands in the first one only. */
function siteRows(status: SiteStatus): string[][] {
  const { siteId, generation, hosts, workers } = status;
  const site = [siteId, stateOf(status), String(generation), hosts.length === 0 ? NONE : hosts.join(', ')];
  const rows = workers.map((worker) => [
    worker.workerId,
    worker.pid === undefined ? NONE : String(worker.pid),
    // A worker of another generation than its site's is on its way in or out.
    worker.generation === generation ? worker.state : `${worker.state} (generation ${worker.generation})`,
    String(worker.connections),
  ]);
  if (rows.length === 0) rows.push([NONE, NONE, NONE, NONE]);
  return rows.map((row, index) => [...(index === 0 ? site : site.map(() => '')), ...row]);
}

function waiting(count: number): string {
  return count === 1 ? '1 connection waits' : `${count} connections wait`;
}

/** What the site does, and what was done to it. */
function stateOf({ state, paused, maintenance }: SiteStatus): string {
  const marks = [...(paused ? ['paused'] : []), ...(maintenance === undefined ? [] : ['maintenance'])];
  return [state, ...marks].join(', ');
}

function complaints({ sites, handoff }: DaemonStatus): string[] {
  const lines = sites.flatMap(({ siteId, reason, waitsFor, parked, paused, maintenance, workers }) => [
    // A reason names the site that it waits for, too.
    ...(waitsFor === undefined || reason !== undefined
      ? []
      : [`${siteId}: waits for ${waitsFor.join(', ')}`]),
    ...(reason === undefined ? [] : [`${siteId}: ${reason}`]),
    ...(maintenance?.message === undefined ? [] : [`${siteId}: in maintenance: ${maintenance.message}`]),
    ...(parked === 0 ? [] : [`${siteId}: ${waiting(parked)} for ${paused ? 'vhostd resume' : 'a worker'}`]),
    ...workers.flatMap((worker) =>
      worker.reason === undefined ? [] : [`${worker.workerId}: ${worker.reason}`],
    ),
  ]);
  if (handoff?.reason !== undefined) lines.push(`hand-over by ${handoff.type}: ${handoff.reason}`);
  return lines.length === 0 ? [] : ['', ...lines];
}
