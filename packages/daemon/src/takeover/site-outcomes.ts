// Which sites of a daemon are as their confs want them, and why others are not: what an upgrade compares. Pure.
import { SHOWN_SITE_STATES } from '@vhostd/protocol';
import type { CandidateReport, SiteStatus } from '@vhostd/protocol';

/** A site whose workers are being replaced is as it should be: the present ones serve. */
export function siteOutcomes(
  sites: readonly Pick<SiteStatus, 'siteId' | 'state' | 'reason'>[],
): Pick<CandidateReport, 'running' | 'failed'> {
  const isFine = ({ state }: Pick<SiteStatus, 'state'>): boolean =>
    SHOWN_SITE_STATES[state].verdict === 'fine';
  const running = sites.filter(isFine).map(({ siteId }) => siteId);
  const failed = sites
    .filter((site) => !isFine(site))
    .map(({ siteId, state, reason = `it is ${state}` }) => ({ siteId, reason }));
  return { running, failed };
}
