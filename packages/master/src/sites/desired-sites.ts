// What an operator wants of sites beside their confs: stopped, or another number of workers. It is kept in the state
// directory, and changed by nothing but orders: what becomes of a site is no wish.
import { z } from '@vhostd/protocol/schemas';
import type { SiteConf } from '../conf/site-conf.js';
import { KeptFile } from './kept-file.js';

/** Of one site. */
export interface DesiredSite {
  readonly stopped?: true;
  /** In place of the conf's `cpuLen`. */
  readonly workers?: number;
}

export class DesiredSites {
  readonly #kept: KeptFile<z.infer<typeof kept>>;
  #sites: ReadonlyMap<string, DesiredSite>;

  /** Reads what is kept; without a state directory it lasts as long as this process. */
  constructor(stateDir?: string) {
    this.#kept = new KeptFile(stateDir, 'sites.json', kept);
    this.#sites = new Map(Object.entries(this.#kept.content?.sites ?? {}));
  }

  /** Why what was kept could not be read. */
  get trouble(): string | undefined {
    return this.#kept.trouble;
  }

  isStopped(siteId: string): boolean {
    return this.#sites.get(siteId)?.stopped === true;
  }

  /** A conf with the number of workers that is wanted. */
  applied(conf: SiteConf): SiteConf {
    const workers = this.#sites.get(conf.siteId)?.workers;
    return workers === undefined ? conf : { ...conf, cpuLen: workers };
  }

  /** True if it will be known to the next master, too. */
  stop(siteId: string, stopped: boolean): boolean {
    const { workers } = this.#sites.get(siteId) ?? {};
    return this.#set(siteId, {
      ...(workers === undefined ? {} : { workers }),
      ...(stopped ? { stopped } : {}),
    });
  }

  /** As {@link stop}; undefined: as many as the conf says. */
  scale(siteId: string, workers: number | undefined): boolean {
    const stopped = this.isStopped(siteId);
    return this.#set(siteId, {
      ...(workers === undefined ? {} : { workers }),
      ...(stopped ? { stopped } : {}),
    });
  }

  /** The site is gone: nothing is wanted of it. */
  forget(siteId: string): void {
    if (this.#sites.has(siteId)) this.#set(siteId, {});
  }

  #set(siteId: string, desired: DesiredSite): boolean {
    const sites = new Map(this.#sites);
    if (Object.keys(desired).length === 0) sites.delete(siteId);
    else sites.set(siteId, desired);
    this.#sites = sites;
    return this.#kept.write({ version: 1, sites: Object.fromEntries(sites) });
  }
}

const kept = z.object({
  version: z.literal(1),
  sites: z.record(
    z.string(),
    z.object({
      stopped: z.literal(true).exactOptional(),
      workers: z.int().min(1).max(1024).exactOptional(),
    }),
  ),
});
