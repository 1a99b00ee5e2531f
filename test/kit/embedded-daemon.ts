// A daemon in the test's own process, with a master that may have code of the test: for what the daemon's own code can
// do.
import { Daemon } from '@vhostd/daemon';
import type { DaemonOptions } from '@vhostd/daemon';
import type { DaemonStatus, ReloadResult } from '@vhostd/protocol';
import { MARK_VARIABLE } from './processes.js';
import { within } from './until.js';
import { Vhostd } from './vhostd.js';
import type { ConfOptions, SiteOptions } from './vhostd.js';

/** How a daemon is started in the test's process. */
export interface EmbeddedDaemonOptions {
  sites: readonly SiteOptions[];
  conf?: ConfOptions;
  /** Options of the `Daemon`, but for those that the kit sets. */
  daemon: Pick<DaemonOptions, 'masterFile' | 'supervision'>;
}

export class EmbeddedDaemon extends Vhostd<DaemonStatus> {
  readonly daemon: Daemon;

  constructor({ sites, conf, daemon }: EmbeddedDaemonOptions) {
    super(sites, { log: { level: 'silent' }, ...conf });
    this.daemon = new Daemon({
      runDir: this.runDir,
      masterArgs: ['--config', this.confFile],
      execArgv: [],
      env: { [MARK_VARIABLE]: this.mark },
      logLevel: 'silent',
      signals: false,
      ...daemon,
    });
  }

  /** Runs the daemon; resolves once every site is published. */
  async published(): Promise<void> {
    const loaded = new Promise<void>((resolve) => this.daemon.once('loaded', () => resolve()));
    await this.daemon.run();
    await within('the sites are loaded', START_LIMIT_MS, loaded);
  }

  async status(): Promise<DaemonStatus> {
    return await this.daemon.status();
  }

  async reload(siteId?: string): Promise<ReloadResult> {
    return await this.daemon.reload(siteId);
  }

  protected async end(): Promise<void> {
    await this.daemon.stop({ now: true });
  }
}

const START_LIMIT_MS = 60_000;
