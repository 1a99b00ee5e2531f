// Whom a site's workers run as, where that is another user than this process's: then nothing of the site is trusted.
import type { SiteUser } from '../node/site-file.js';
import type { SiteConf } from './site-conf.js';

export function foreignUserOf({
  workerOptions: { uid, gid },
}: {
  readonly workerOptions: Pick<SiteConf['workerOptions'], 'uid' | 'gid'>;
}): SiteUser | undefined {
  if (uid === undefined || uid === process.geteuid?.()) return undefined;
  return { uid, ...(gid === undefined ? {} : { gid }) };
}
