// What may follow one daemon: another that its master starts when it dies, or an upgrade on request.
import { VhostError } from '@vhostd/protocol';
import type { LaunchInfo, UpgradeResult } from '@vhostd/protocol';
import type { MasterSlot } from '../master/master-slot.js';
import type { DaemonRuntime } from '../daemon-runtime.js';
import { ownLaunchInfo } from './launch-info.js';
import type { LaunchOptions } from './launch-info.js';
import { Upgrade } from './upgrade.js';
import type { UpgradeOptions } from './upgrade.js';

/** What an upgrade needs of the daemon. */
export interface UpgradesHost {
  readonly running: DaemonRuntime;
  readonly heartbeat: { intervalMs: number; limitMs: number };
  /** Runs the upgrade while no order is at work; `onWaiting` is called if it has to wait for one. */
  betweenOrders<T>(upgrade: () => Promise<T>, onWaiting: () => void): Promise<T>;
  onProgress(what: string): void;
}

export class Upgrades {
  /** How this program is started once more; undefined where it is not to be. */
  #launch: LaunchInfo | undefined;
  #upgrade: Upgrade | undefined;
  /** Resolves when the last upgrade is over. */
  #over: Promise<unknown> = Promise.resolve();

  /** Lets masters start this program once more, unless the process ends by itself and in order. */
  provide(slot: MasterSlot, options: LaunchOptions): void {
    this.#launch = ownLaunchInfo(options);
    if (this.#launch === undefined) return;
    slot.allowRespawn(this.#launch);
    process.on('exit', (code) => {
      if (code === 0) slot.forbidRespawn();
    });
  }

  /** Rejects with ERR_UPGRADE_RUNNING, ERR_UPGRADE_PROGRAM; or ERR_UPGRADE_FAILED, and all is as before. */
  async upgrade(options: UpgradeOptions, host: UpgradesHost): Promise<UpgradeResult> {
    if (this.#upgrade !== undefined) {
      throw new VhostError('ERR_UPGRADE_RUNNING', 'an upgrade is under way already: wait for its end');
    }
    const { running, heartbeat } = host;
    const launch = this.#launch;
    if (launch === undefined) {
      const message =
        'this daemon is part of a larger program, or its program is no file: it is not started once more';
      throw new VhostError('ERR_UPGRADE_PROGRAM', message);
    }
    const onProgress = (what: string): void => {
      host.onProgress(what);
      options.onProgress?.(what);
    };
    const upgrade = new Upgrade({
      launch,
      listeners: running.listeners,
      heartbeat,
      runningSites: async () => {
        const { sites } = await running.status().catch(() => ({ sites: [] }));
        return sites.flatMap(({ siteId, state }) => (SERVING.has(state) ? siteId : []));
      },
      release: () => running.release(),
      takeBack: () => running.takeBack(),
      onProgress,
    });
    this.#upgrade = upgrade;
    try {
      const outcome = host.betweenOrders(
        () => upgrade.run(options.node),
        () => onProgress('an order is at work; the upgrade follows it'),
      );
      this.#over = outcome.catch(() => undefined);
      return await outcome;
    } finally {
      this.#upgrade = undefined;
    }
  }

  /**
   * Backs out of the upgrade that is under way, if there is one. Resolves when nothing that it started is left; `now`:
   * soon. May be called again.
   */
  async abort(now: boolean): Promise<void> {
    this.#upgrade?.abort(now);
    await this.#over;
  }
}

/** States of sites that have workers which serve. */
const SERVING: ReadonlySet<string> = new Set(['running', 'reloading', 'sleeping']);
