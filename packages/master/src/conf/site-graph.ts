// Which sites depend on which: finds a cycle, and runs work in the order that the dependencies ask for. A conf may
// name thousands of sites: nothing here recurses, or looks at each pair.

/** A site and those that it depends on. */
export interface DependentSite {
  readonly siteId: string;
  readonly dependencies: readonly string[];
}

/**
 * A cycle of dependencies, as `['a', 'b', 'a']`, or undefined. Dependencies on sites that are not among `sites` are
 * not followed.
 */
export function findCycle(sites: readonly DependentSite[]): string[] | undefined {
  const dependenciesOf = new Map(sites.map(({ siteId, dependencies }) => [siteId, dependencies]));
  const done = new Set<string>();
  for (const { siteId } of sites) {
    const cycle = done.has(siteId) ? undefined : cycleBelow(siteId, dependenciesOf, done);
    if (cycle !== undefined) return cycle;
  }
  return undefined;
}

/**
 * Runs `work` for each site once it has ended for all that the site depends on, or with `reverse` for all that depend
 * on the site; where nothing is to be waited for, at once. The results are in the order of `sites`, which must have
 * no cycle.
 */
export async function inDependencyOrder<S extends DependentSite, R>(
  sites: readonly S[],
  work: (site: S) => Promise<R>,
  { reverse = false }: { reverse?: boolean } = {},
): Promise<R[]> {
  const known = new Set(sites.map(({ siteId }) => siteId));
  const before = new Map(sites.map(({ siteId }) => [siteId, new Set<string>()]));
  for (const { siteId, dependencies } of sites) {
    for (const dependency of dependencies) {
      if (!known.has(dependency)) continue;
      if (reverse) before.get(dependency)?.add(siteId);
      else before.get(siteId)?.add(dependency);
    }
  }
  const ends = new Map(sites.map(({ siteId }) => [siteId, new End()]));
  const run = async (site: S): Promise<R> => {
    for (const siteId of before.get(site.siteId) ?? []) await ends.get(siteId)?.reached;
    try {
      return await work(site);
    } finally {
      ends.get(site.siteId)?.reach();
    }
  };
  return await Promise.all(sites.map(run));
}

/** The end of one site's work, however it went. */
class End {
  readonly reached: Promise<void>;
  reach: () => void = () => undefined;

  constructor() {
    this.reached = new Promise((resolve) => {
      this.reach = resolve;
    });
  }
}

/** Depth first. */
function cycleBelow(
  start: string,
  dependenciesOf: ReadonlyMap<string, readonly string[]>,
  done: Set<string>,
): string[] | undefined {
  const path: { siteId: string; left: string[] }[] = [];
  const onPath = new Map<string, number>();
  const enter = (siteId: string): void => {
    onPath.set(siteId, path.length);
    path.push({ siteId, left: [...(dependenciesOf.get(siteId) ?? [])] });
  };
  enter(start);
  for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
    const next = top.left.shift();
    if (next === undefined) {
      done.add(top.siteId);
      onPath.delete(top.siteId);
      path.pop();
      continue;
    }
    const from = onPath.get(next);
    if (from !== undefined) return [...path.slice(from).map(({ siteId }) => siteId), next];
    if (!done.has(next)) enter(next);
  }
  return undefined;
}
