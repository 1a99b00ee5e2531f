// What is wrong with a site, for a person who looks at its status.
import { SHOWN_SITE_STATES, SHOWN_WORKER_STATES } from '@vhostd/protocol';
import type { SiteStatus } from '@vhostd/protocol';

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

/** Why it, its last reload or a worker failed, and what waits; a line each, no line where there is nothing to say. */
export function faultsOf(site: SiteStatus): string[] {
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

function waiting(count: number): string {
  return count === 1 ? '1 connection waits' : `${count} connections wait`;
}
