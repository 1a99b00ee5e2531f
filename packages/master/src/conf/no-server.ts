// What a site with `"server": false` does not have.
import { VhostError } from '@vhostd/protocol';

/** The refusal of what only a site with a server can have. */
export function noServerError(siteId: string, what: string): VhostError {
  return new VhostError(
    'ERR_SITE_NO_SERVER',
    `site ${siteId} has no server ("server": false in its conf), and so no ${what}`,
    { info: { siteId } },
  );
}
