// Whether sites are published, as far as other sites wait for them.
import type { WireError } from '@vhostd/protocol';
import { fleetSiteOf } from '../conf/fleet-site.js';

/** How a site stands, for those that wait for it. */
export interface Readiness {
  readonly siteId: string;
  readonly published: boolean;
  /** Why it can't be expected to be published soon. */
  readonly failure?: WireError;
}

/** Knows all sites. */
export interface SiteDirectory {
  readinessOf(siteId: string): Readiness;
}

/** What keeps a site from starting. */
export interface MissingSites {
  readonly siteIds: readonly string[];
  /** Of a site that is waited for in vain. */
  readonly failure: WireError | undefined;
}

/** Of the sites that one depends on, those that are not published. */
export function missingOf(dependencies: readonly Readiness[]): MissingSites {
  const missing = dependencies.filter(({ published }) => !published);
  const failed = missing.find(({ failure }) => failure !== undefined);
  return {
    siteIds: missing.map(({ siteId }) => siteId),
    failure: failed?.failure && waitsInVain(failed.siteId, failed.failure),
  };
}

function waitsInVain(siteId: string, { message }: WireError): WireError {
  const what = fleetSiteOf(siteId) === undefined ? `site ${siteId}, which has failed` : siteId;
  return { code: 'ERR_SITE_WAITS', message: `it waits for ${what}: ${message}` };
}
