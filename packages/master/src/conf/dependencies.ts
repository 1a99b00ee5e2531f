// Checks what sites say of one another: that those they depend on are there, and that no cycle keeps all of its sites
// from starting.
import { VhostError } from '@vhostd/protocol';
import { problemAt } from './problem.js';
import type { ConfProblem } from './problem.js';
import { fleetSiteOf } from './fleet-site.js';
import { findCycle } from './site-graph.js';
import type { DependentSite } from './site-graph.js';

/**
 * Dependencies on sites that are not among `sites` (ERR_CONF_DEPENDENCY_UNKNOWN), unless more sites may be added
 * later, and a cycle (ERR_CONF_DEPENDENCY_CYCLE).
 */
export function dependencyProblems(
  sites: readonly DependentSite[],
  { complete, fleet }: { complete: boolean; fleet: boolean },
): ConfProblem[] {
  const known = new Set(sites.map(({ siteId }) => siteId));
  const problems: ConfProblem[] = [];
  for (const [index, { dependencies }] of sites.entries()) {
    for (const [at, dependency] of dependencies.entries()) {
      const ofFleet = fleetSiteOf(dependency) !== undefined;
      if (!complete || known.has(dependency) || (ofFleet && fleet)) continue;
      const reason = ofFleet
        ? 'this machine is in no fleet: the conf has no `fleet`'
        : `there is no site ${JSON.stringify(dependency)}`;
      problems.push(
        problemAt(['sites', index, 'dependencies', at], dependency, 'the siteId of a site of this conf', {
          code: 'ERR_CONF_DEPENDENCY_UNKNOWN',
          reason,
        }),
      );
    }
  }
  const cycle = findCycle(sites);
  if (cycle === undefined) return problems;
  const index = sites.findIndex(({ siteId }) => siteId === cycle[0]);
  const [at, value] = [['sites', index, 'dependencies'], sites[index]?.dependencies];
  problems.push(
    problemAt(at, value, 'a list of siteIds without a cycle', {
      code: 'ERR_CONF_DEPENDENCY_CYCLE',
      reason: neverStart(cycle),
    }),
  );
  return problems;
}

/**
 * Checks sites that a program adds.
 * @throws {VhostError} ERR_CONF_DEPENDENCY_CYCLE; `info.cycle` are the siteIds.
 */
export function refuseCycle(sites: readonly DependentSite[]): void {
  const cycle = findCycle(sites);
  if (cycle === undefined) return;
  throw new VhostError('ERR_CONF_DEPENDENCY_CYCLE', `dependencies: ${neverStart(cycle)}`, {
    info: { cycle },
  });
}

/** Names the sites as `a → b → a`. */
function neverStart(cycle: readonly string[]): string {
  return `none of these sites could ever start: ${cycle.join(' → ')}`;
}
