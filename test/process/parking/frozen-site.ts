// A site that stands still, and how a test sees it.
import { readFileSync } from 'node:fs';
import type { AnyStatus, LiveWorker, Vhostd } from '../../kit/vhostd.js';
import { readyWorkers } from '../../kit/vhostd.js';
import { LIMIT_MS } from './parked-site.js';

/** The letter of proc(5) for the state of a process: `T` is stopped; '' where there is none. */
export function stateOf(pid: number): string {
  try {
    return /^State:\s+(\S)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? '';
  } catch {
    return '';
  }
}

/** Waits until site `a` stands still; returns its workers, each of which is stopped. */
export async function frozen<S extends AnyStatus>(vhostd: Vhostd<S>): Promise<LiveWorker[]> {
  const { sites } = await frozenStatus(vhostd);
  return sites.flatMap((site) => (site.siteId === 'a' ? readyWorkers(site) : []));
}

/** The status as of when site `a` stands still. */
export async function frozenStatus<S extends AnyStatus>(vhostd: Vhostd<S>): Promise<S> {
  return await vhostd.until(
    'it is frozen',
    ({ sites }) => {
      const site = sites.find(({ siteId }) => siteId === 'a');
      return site?.state === 'frozen' && readyWorkers(site).every(({ pid }) => stateOf(pid) === 'T');
    },
    LIMIT_MS,
  );
}
