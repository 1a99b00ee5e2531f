// The error for a site that is not there.
import { VhostError } from './errors.js';

/** ERR_SITE_UNKNOWN, with some of the sites that there are. */
export function unknownSite(siteId: string, known: readonly string[]): VhostError {
  const more = known.length > SHOWN_MAX_COUNT ? ` and ${known.length - SHOWN_MAX_COUNT} more` : '';
  const names = known.slice(0, SHOWN_MAX_COUNT).join(', ') || 'none';
  const message = `there is no site '${siteId}'; there are: ${names}${more}`;
  return new VhostError('ERR_SITE_UNKNOWN', message, { info: { siteId } });
}

const SHOWN_MAX_COUNT = 10;
