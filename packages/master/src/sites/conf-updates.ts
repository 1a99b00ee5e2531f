// Changes of a site's conf while it runs: checked, allowed, then made whole or not at all.
import type { ListeningInfo, WorkerToMaster } from '@vhostd/protocol';
import { checkAllowance } from '../conf/allowance.js';
import { parseServerConfUpdate } from '../conf/parse-conf.js';
import type { SiteConf } from '../conf/site-conf.js';
import type { Router } from '../routing/router.js';
import type { Site } from './site.js';
import type { Slot } from './slot.js';

export class ConfUpdates {
  readonly #router: Router<Site>;

  constructor(router: Router<Site>) {
    this.#router = router;
  }

  /**
   * What a worker asks for. One of a generation that is not published yet is checked now and comes into force with
   * it; until then the old generation's conf holds.
   * @throws {VhostError} ERR_CONF_*, ERR_ALLOW_*, ERR_ROUTE_CONFLICT, ERR_LISTEN_*: nothing has changed.
   */
  async fromWorker(
    site: Site,
    slot: Slot,
    params: unknown,
  ): Promise<WorkerToMaster['updateServerConf']['result']> {
    const update = parseServerConfUpdate(params);
    const refused = checkAllowance(update, site.conf.allow);
    if (refused !== undefined) throw refused;
    const stage = site.staging(slot);
    if (stage !== undefined) {
      const next = { ...stage.conf, ...update };
      await this.#router.check(site, next);
      stage.set(next);
      return { listening: [] };
    }
    return { listening: await this.#change(site, () => ({ ...site.conf, ...update })) };
  }

  /**
   * Puts a whole conf into force.
   * @throws {VhostError} ERR_ROUTE_CONFLICT, ERR_LISTEN_*: nothing has changed.
   */
  async commit(site: Site, conf: SiteConf): Promise<void> {
    await this.#change(site, () => conf);
  }

  #change(site: Site, next: () => SiteConf): Promise<ListeningInfo[]> {
    return this.#router.change(site, next, (conf) => site.setConf(conf));
  }
}
