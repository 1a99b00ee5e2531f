// Why a site whose conf wants processes ahead of need would have none, as far as that can be told without starting any.
import type { SiteConf } from '../conf/site-conf.js';
import { earlyOptionOf } from './start-options.js';
import { WorkerFiles } from './worker-files.js';

/** The option of Node for which it would have none; undefined: there is none, or what the site runs can't be found. */
export async function spareHindrance(conf: SiteConf): Promise<string | undefined> {
  const files = new WorkerFiles(conf);
  await files.readVariables();
  try {
    return earlyOptionOf({ conf, release: files.release(), variables: files.variables() });
  } catch {
    return undefined;
  }
}
