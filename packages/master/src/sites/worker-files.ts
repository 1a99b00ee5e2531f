// Which files a new worker runs: looked up at each spawn, so that a release behind a symbolic link is found anew.
import { realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { VhostError } from '@vhostd/protocol';
import type { SiteConf } from '../conf/site-conf.js';

/**
 * What a worker of this site runs, symbolic links resolved.
 * @throws {VhostError} ERR_SITE_FILE when it is not there.
 */
export function workerFileOf(conf: SiteConf): string {
  try {
    return realpathSync(conf.workerFile);
  } catch (error) {
    throw new VhostError(
      'ERR_SITE_FILE',
      `site ${conf.siteId}: ${conf.workerFile} cannot be run: ${reasonOf(error)}`,
      {
        info: { siteId: conf.siteId, workerFile: conf.workerFile },
        cause: error,
      },
    );
  }
}

/** What each worker loads before its site. Resolved, never imported: it is the worker's code, not the master's. */
export function preloadFile(): string {
  return fileURLToPath(import.meta.resolve('@vhostd/worker/preload'));
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
