// Whom a site's workers run as, where that is another user than this process's: then nothing of the site is trusted.
import type { SiteUser } from '../node/site-file.js';
import type { RunAs } from './site-conf.js';

export function foreignUserOf(runAs: RunAs | undefined): SiteUser | undefined {
  return isForeign(runAs) ? { uid: runAs.uid, gid: runAs.gid } : undefined;
}

/** Whether it is another user than this process's. */
export function isForeign(runAs: RunAs | undefined): runAs is RunAs {
  return runAs !== undefined && runAs.uid !== process.geteuid?.();
}
