// Changes of a site's conf while it runs: checked, allowed, then made whole or not at all.
import { VhostError } from '@vhostd/protocol';
import type { ListeningInfo, WorkerToMaster } from '@vhostd/protocol';
import { checkAllowance } from '../conf/allowance.js';
import { parseServerConfUpdate } from '../conf/parse-conf.js';
import type { SiteConf } from '../conf/site-conf.js';
import type { Router } from '../routing/router.js';
import type { Site } from './site.js';
import type { Slot } from '../workers/slot.js';

export class ConfUpdates {
  readonly #router: Router<Site>;

  constructor(router: Router<Site>) {
    this.#router = router;
  }

  /**
   * What a worker asks for. One of a generation that is not published yet is checked now and comes into force with
   * it; until then the old generation's conf holds.
   * @throws {VhostError} ERR_CONF_*, ERR_WORKER_LEAVING, ERR_ALLOW_*, ERR_ROUTE_CONFLICT, ERR_LISTEN_*: nothing has changed.
   */
  async fromWorker(
    site: Site,
    slot: Slot,
    params: unknown,
  ): Promise<WorkerToMaster['updateServerConf']['result']> {
    const update = parseServerConfUpdate(params);
    const updated = (conf: SiteConf): SiteConf => {
      if (slot.leaving) throw leavingError(slot);
      const refused = checkAllowance(update, conf.allow);
      if (refused !== undefined) throw refused;
      return { ...conf, ...update };
    };
    const staged = await this.#router.check(
      site,
      () => {
        const conf = site.reloads.stagedConf(slot);
        return conf === undefined ? undefined : updated(conf);
      },
      (conf) => site.reloads.stage(conf),
    );
    return { listening: staged ? [] : await this.#change(site, () => updated(site.conf)) };
  }

  /**
   * Puts a whole conf into force, which is asked for when it is this change's turn.
   * @throws {VhostError} ERR_ROUTE_CONFLICT, ERR_LISTEN_*: nothing has changed.
   */
  async commit(site: Site, conf: () => SiteConf): Promise<void> {
    await this.#change(site, conf);
  }

  #change(site: Site, next: () => SiteConf): Promise<ListeningInfo[]> {
    return this.#router.change(site, next, (conf) => site.setConf(conf));
  }
}

function leavingError({ workerId }: Slot): VhostError {
  return new VhostError(
    'ERR_WORKER_LEAVING',
    `worker ${workerId} has been told to leave and can change nothing of its site any more`,
    { info: { workerId } },
  );
}
