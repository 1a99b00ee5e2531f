// What may follow one daemon: a successor that its master starts when it dies, or an upgrade on request.
import { VhostError } from '@vhostd/protocol';
import type { DaemonLaunch, DaemonStatus } from '@vhostd/protocol';
import type { BoundListeners } from '../listeners/bound-listeners.js';
import type { MasterSlot } from '../master/master-slot.js';
import { ownLaunch } from './own-launch.js';
import type { LaunchOptions } from './own-launch.js';
import { Upgrade } from './upgrade.js';
import type { UpgradeOptions, UpgradeResult } from './upgrade.js';

/** What an upgrade needs of the daemon. */
export interface SuccessionHost {
  readonly listeners: BoundListeners;
  readonly heartbeat: { intervalMs: number; limitMs: number };
  status(): Promise<DaemonStatus>;
  /** Lets go of the run directory. */
  release(): Promise<void>;
  /** Takes it again. */
  takeBack(): Promise<void>;
  onProgress(what: string): void;
}

export class Succession {
  /** How this program is started once more; undefined where it is not to be. */
  #launch: DaemonLaunch | undefined;
  #upgrade: Upgrade | undefined;

  /** Lets masters start this program once more, unless the process ends by itself and in order. */
  provide(slot: MasterSlot, options: LaunchOptions): void {
    this.#launch = ownLaunch(options);
    if (this.#launch === undefined) return;
    slot.entitle(this.#launch);
    process.on('exit', (code) => {
      if (code === 0) slot.forsake();
    });
  }

  /** Rejects with ERR_UPGRADE_RUNNING, ERR_UPGRADE_PROGRAM; or ERR_UPGRADE_FAILED, and all is as before. */
  async upgrade({ node, onProgress }: UpgradeOptions, host: SuccessionHost): Promise<UpgradeResult> {
    if (this.#upgrade !== undefined) {
      throw new VhostError('ERR_UPGRADE_RUNNING', 'an upgrade is under way already: wait for its end');
    }
    const { listeners, heartbeat } = host;
    const launch = this.#launch;
    if (launch === undefined) {
      const message =
        'this daemon is part of a larger program, or its program is no file: it is not started once more';
      throw new VhostError('ERR_UPGRADE_PROGRAM', message);
    }
    const upgrade = new Upgrade({
      launch,
      listeners,
      heartbeat,
      runningSites: async () => {
        const { sites } = await host.status().catch(() => ({ sites: [] }));
        return sites.flatMap(({ siteId, state }) => (SERVING.has(state) ? siteId : []));
      },
      release: () => host.release(),
      takeBack: () => host.takeBack(),
      onProgress: (what) => {
        host.onProgress(what);
        onProgress?.(what);
      },
    });
    this.#upgrade = upgrade;
    try {
      return await upgrade.run(node);
    } finally {
      this.#upgrade = undefined;
    }
  }

  /** Backs out of the upgrade that is under way. */
  abort(): void {
    this.#upgrade?.abort();
  }
}

/** States of sites that have workers which serve. */
const SERVING: ReadonlySet<string> = new Set(['running', 'reloading', 'sleeping']);
