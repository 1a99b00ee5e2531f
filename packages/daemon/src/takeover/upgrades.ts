// The upgrades of one daemon: one at a time, between the orders for sites.
import { VhostError } from '@vhostd/protocol';
import type { LaunchInfo, UpgradeResult } from '@vhostd/protocol';
import type { Logger } from 'pino';
import type { SiteOrders } from '../control/site-orders.js';
import type { DaemonRuntime } from '../daemon-runtime.js';
import { Upgrade } from './upgrade.js';
import type { UpgradeOptions } from './upgrade.js';

/** What upgrades work with. */
export interface UpgradesOptions {
  readonly runtime: DaemonRuntime;
  readonly orders: SiteOrders;
  readonly log: Logger;
  readonly heartbeat: { intervalMs: number; limitMs: number };
  /** How this program is started once more; undefined where it is not to be. */
  readonly launch: LaunchInfo | undefined;
}

export class Upgrades {
  readonly #options: UpgradesOptions;
  #current: Upgrade | undefined;
  /** Resolves when the last upgrade is over. */
  #over: Promise<unknown> = Promise.resolve();

  constructor(options: UpgradesOptions) {
    this.#options = options;
  }

  /** Rejects with ERR_UPGRADE_RUNNING, ERR_UPGRADE_PROGRAM; or ERR_UPGRADE_FAILED, and all is as before. */
  async run({ node, onProgress }: UpgradeOptions): Promise<UpgradeResult> {
    const { runtime, orders, log, heartbeat, launch } = this.#options;
    if (this.#current !== undefined) {
      throw new VhostError('ERR_UPGRADE_RUNNING', 'an upgrade is under way already: wait for its end');
    }
    if (launch === undefined) {
      const message =
        'this daemon is part of a larger program, the first process of a container, or its program is no file: it is not started once more';
      throw new VhostError('ERR_UPGRADE_PROGRAM', message);
    }
    const told = (what: string): void => {
      log.info({ event: 'upgrade', what });
      onProgress?.(what);
    };
    const upgrade = new Upgrade(runtime, launch, { heartbeat, onProgress: told });
    this.#current = upgrade;
    try {
      const outcome = orders.upgrade(
        () => upgrade.run(node),
        () => told('an order is at work; the upgrade follows it'),
      );
      this.#over = outcome.catch(() => undefined);
      return await outcome;
    } finally {
      this.#current = undefined;
    }
  }

  /**
   * Backs out of the upgrade that is under way, if there is one. Resolves when nothing that it started is left; `now`:
   * soon. May be called again.
   */
  async abort(now: boolean): Promise<void> {
    this.#current?.abort(now);
    await this.#over;
  }
}
