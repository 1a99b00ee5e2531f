// All sites of the master, by id, each with its log files.
import { VhostError } from '@vhostd/protocol';
import type { SiteConf } from '../conf/site-conf.js';
import { SiteLogs } from '../logs/site-logs.js';
import type { Standing } from './first-boot.js';
import { Site } from './site.js';
import type { SiteHost } from './site-host.js';
import type { Slot } from '../workers/slot.js';

interface Entry {
  site: Site;
  logs: SiteLogs;
  /** The log files that `logs` writes, to tell whether a new conf names others. */
  files: string;
}

export class Sites {
  readonly #entries = new Map<string, Entry>();
  /** Those that are being removed. */
  readonly #detached = new Set<Entry>();
  readonly #hostOf: (siteId: string) => SiteHost;

  constructor(hostOf: (siteId: string) => SiteHost) {
    this.#hostOf = hostOf;
  }

  /** Adds a site, which is returned, or gives a known one the conf that its next reload takes up. */
  load(conf: SiteConf): Site | undefined {
    const known = this.#entries.get(conf.siteId);
    const files = JSON.stringify([conf.logOutput, conf.logError, conf.logAll]);
    if (known === undefined) {
      const site = new Site(conf, this.#hostOf(conf.siteId));
      this.#entries.set(conf.siteId, { site, logs: openLogs(conf), files });
      return site;
    }
    known.site.wanted = conf;
    if (known.files === files) return undefined;
    // Workers that run keep writing where they did: the old files close with the last of them.
    known.logs.retire();
    known.logs = openLogs(conf);
    known.files = files;
    return undefined;
  }

  /** Puts them in this order; those that it does not name come behind. */
  arrange(order: readonly { siteId: string }[]): void {
    const rest = new Map(this.#entries);
    this.#entries.clear();
    for (const { siteId } of order) {
      const entry = rest.get(siteId);
      if (entry !== undefined && rest.delete(siteId)) this.#entries.set(siteId, entry);
    }
    for (const [siteId, entry] of rest) this.#entries.set(siteId, entry);
  }

  /** Those that are to run. */
  list(): Site[] {
    return [...this.#entries.values()].map(({ site }) => site);
  }

  /** {@link list} and those that are being removed. */
  all(): Site[] {
    return [...this.#entries.values(), ...this.#detached].map(({ site }) => site);
  }

  find(siteId: string): Site | undefined {
    return this.#entries.get(siteId)?.site;
  }

  /** How a site stands; one that is not there has failed. */
  standingOf(siteId: string): Standing {
    const failure = { code: 'ERR_SITE_UNKNOWN', message: 'there is no such site' };
    return this.find(siteId)?.standing ?? { siteId, published: false, failure };
  }

  /** @throws {VhostError} ERR_SITE_UNKNOWN. */
  get(siteId: string): Site {
    const site = this.find(siteId);
    if (site !== undefined) return site;
    const known = [...this.#entries.keys()].join(', ') || 'none';
    throw new VhostError('ERR_SITE_UNKNOWN', `there is no site '${siteId}'; there are: ${known}`, {
      info: { siteId },
    });
  }

  logsOf(siteId: string): SiteLogs | undefined {
    return this.#entries.get(siteId)?.logs;
  }

  /** The running worker of this id, in whatever site. */
  findWorker(workerId: string): Slot | undefined {
    for (const site of this.all()) {
      const found = site.slots().find((slot) => slot.workerId === workerId && slot.ready);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** A site is about to be removed: its id is free for another one. */
  detach(site: Site): void {
    const entry = this.#entries.get(site.siteId);
    if (entry?.site !== site) return;
    this.#entries.delete(site.siteId);
    this.#detached.add(entry);
  }

  /** Forgets a site that has been stopped, and closes its logs. */
  async remove(site: Site): Promise<void> {
    this.detach(site);
    for (const entry of this.#detached) {
      if (entry.site !== site) continue;
      this.#detached.delete(entry);
      await entry.logs.close();
    }
  }
}

function openLogs({ logOutput, logError, logAll }: SiteConf): SiteLogs {
  return new SiteLogs({
    ...(logOutput === undefined ? {} : { logOutput }),
    ...(logError === undefined ? {} : { logError }),
    ...(logAll === undefined ? {} : { logAll }),
  });
}
