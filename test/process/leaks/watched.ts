// A daemon with one site whose processes can be asked what they hold. Nothing in it happens by the clock: what it
// holds changes with reloads only.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startVhostd } from '../../kit/start-vhostd.js';
import type { FullVhostd } from '../../kit/start-vhostd.js';
import type { Resources } from './resources.js';

export class Watched {
  readonly vhostd: FullVhostd;

  private constructor(vhostd: FullVhostd) {
    this.vhostd = vhostd;
  }

  static async start(t: TestContext): Promise<Watched> {
    const vhostd = await startVhostd(t, {
      daemon: true,
      orders: true,
      program: ({ runDir, confFile }) => [...INTERPRETED, DAEMON, runDir, confFile],
      conf: { log: { level: 'info' } },
      sites: [
        {
          siteId: 'a',
          logAll: LOG,
          settleTime: 0,
          heartbeatInterval: '1h',
          heartbeatLimit: '2h',
          restart: { intensity: 1000, backoffMin: '10ms', backoffMax: '10ms' },
        },
      ],
    });
    return new Watched(vhostd);
  }

  /** All that daemon, master and workers have printed. */
  get output(): string {
    return this.vhostd.output + readFileSync(join(this.vhostd.dir, LOG), 'utf8');
  }

  /** Reloads, by way of the control socket, and waits until the old worker has gone. */
  async reload(): Promise<void> {
    await this.vhostd.reloaded();
    await this.vhostd.ready('a', 1);
  }

  async resources(of: 'daemon' | 'master'): Promise<Resources> {
    return (await this.vhostd.ask(of)) as Resources;
  }

  /** Makes the master hold 10 KB more for ever. */
  async leak(): Promise<void> {
    await this.vhostd.ask('leak');
  }
}

const DAEMON = fileURLToPath(new URL('./watched-daemon.child.js', import.meta.url));
/** Compiled code is no leak, but grows for hundreds of reloads: without it the heap stands still. */
const INTERPRETED = ['--no-opt', '--no-sparkplug', '--no-maglev', '--regexp-interpret-all'];
const LOG = 'site.log';
