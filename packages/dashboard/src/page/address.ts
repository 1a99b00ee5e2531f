// Which site the address of the page names: `#/sites/SITEID`.

export const ALL_SITES = '#/';

export function siteAddress(siteId: string): string {
  return `#/sites/${encodeURIComponent(siteId)}`;
}

/** Undefined: all sites. */
export function siteOfAddress(hash: string): string | undefined {
  const [, id] = /^#\/sites\/(.+)$/u.exec(hash) ?? [];
  try {
    return id === undefined ? undefined : decodeURIComponent(id);
  } catch {
    return undefined;
  }
}
