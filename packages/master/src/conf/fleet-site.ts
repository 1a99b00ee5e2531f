// How a conf and workers name a site of the fleet, wherever it is: `database@fleet`. Pure.

/** The siteId, or undefined where a site of this machine is named. */
export function fleetSiteOf(name: string): string | undefined {
  return name.endsWith(SUFFIX) ? name.slice(0, -SUFFIX.length) : undefined;
}

const SUFFIX = '@fleet';
