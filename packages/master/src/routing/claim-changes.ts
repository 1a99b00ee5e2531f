// What a change of routes is for the workers of a site: whether they could answer for a host that is another one's.
import type { HostClaims, SiteClaims } from '@vhostd/protocol';

/** Whether nothing leads to a site otherwise than before. */
export function sameClaims(before: SiteClaims, after: SiteClaims): boolean {
  return JSON.stringify(sorted(before)) === JSON.stringify(sorted(after));
}

/** Whether there may be a host that led to the site before and does not any more. */
export function losesHosts(before: SiteClaims, after: SiteClaims): boolean {
  return Object.entries(before).some(([key, claims]) => {
    const next = after[key];
    return next === undefined || loses(claims, next);
  });
}

function loses(before: HostClaims, after: HostClaims): boolean {
  if (before.isDefault && !after.isDefault) return true;
  const own = new Set(after.own);
  const others = new Set(before.others);
  // A pattern that others have newly may be one that was the site's by a suffix or as the default.
  return (
    before.own.some((pattern) => !own.has(pattern)) || after.others.some((pattern) => !others.has(pattern))
  );
}

function sorted(claims: SiteClaims): [string, HostClaims][] {
  return Object.entries(claims).toSorted(([one], [other]) => (one < other ? -1 : 1));
}
