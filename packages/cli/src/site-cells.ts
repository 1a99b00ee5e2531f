// What a table or a line says in a few characters of a site, or of some of its workers.
import type { SiteStatus, WorkerStatus } from '@vhostd/protocol';
import { formatBytes } from './bytes.js';
import { formatDuration } from './duration.js';

type Workers = readonly SiteStatus['workers'][number][];

/** What the site does, and what was done to it. */
export function stateOf({ state, paused, maintenance }: SiteStatus): string {
  const marks = [...(paused ? ['paused'] : []), ...(maintenance === undefined ? [] : ['maintenance'])];
  return [...(state === 'running' && marks.length > 0 ? [] : [state]), ...marks].join(', ');
}

/** What a worker does: those of a frozen site stand still. */
export function workerStateOf({ state }: WorkerStatus, site: Pick<SiteStatus, 'state'>): string {
  return site.state === 'frozen' && state === 'ready' ? 'frozen' : state;
}

/** Requests a second of all of these workers that are known. */
export function requestRate(workers: Workers): string {
  const rates = workers.flatMap(({ requestsPerSecond }) => requestsPerSecond ?? []);
  if (rates.length === 0) return NONE;
  const sum = rates.reduce((total, rate) => total + rate, 0);
  return sum === 0 || sum >= 100 ? String(Math.round(sum)) : sum.toFixed(1);
}

/** Memory of all of these workers, and how long the oldest one has lived. */
export function memoryAndAge(workers: Workers): string[] {
  const memories = workers.flatMap(({ memoryBytes }) => memoryBytes ?? []);
  const uptimes = workers.flatMap(({ uptimeMs }) => uptimeMs ?? []);
  return [
    memories.length === 0 ? NONE : formatBytes(memories.reduce((sum, bytes) => sum + bytes, 0)),
    uptimes.length === 0 ? NONE : formatDuration(Math.max(...uptimes)),
  ];
}

/** As many hosts as there is room for, and how many more there are. */
export function hostsWithin(hosts: readonly string[], room: number): string {
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

/** Counts, the largest one first. */
export function byReason(counts: Readonly<Record<string, number>>): string {
  const reasons = Object.entries(counts).toSorted(([, one], [, other]) => other - one);
  return reasons.map(([reason, count]) => `${count} ${reason}`).join(', ');
}

/** Of what is not known, or not there. */
export const NONE = '-';
