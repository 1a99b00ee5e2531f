// A master with recorded sites, which are added while it runs, and what they have written down.
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { siteFile, startVhostd } from '../../kit/start-vhostd.js';
import type { LoneMaster, SiteOptions } from '../../kit/start-vhostd.js';

/** One line of the record. */
export interface RecordedEvent {
  siteId: string;
  pid: number;
  event: string;
}

export class Recording {
  readonly vhostd: LoneMaster;

  private constructor(vhostd: LoneMaster) {
    this.vhostd = vhostd;
  }

  /** Starts a master with a site `base`, so that there is a port. */
  static async start(t: TestContext, sites: Partial<SiteOptions>[] = []): Promise<Recording> {
    const vhostd = await startVhostd(t, {
      commands: new URL('./lifecycle.commands.js', import.meta.url),
      sites: [{ siteId: 'base' }, ...sites.map((site) => recorded(site))],
    });
    return new Recording(vhostd);
  }

  /** Adds a site `siteId`, served as `siteId.test`, to the running master. */
  async load(site: Partial<SiteOptions>): Promise<void> {
    const { hosts = [], ...rest } = recorded(site);
    await this.vhostd.ask('loadSite', {
      path: this.vhostd.dir,
      cpuLen: 1,
      listen: hosts.map((host) => ({ host, port: 0, ipaddress: '127.0.0.1' })),
      ...rest,
    });
  }

  /** Makes a file that tells sites what to do. */
  set(name: string): void {
    this.vhostd.touch(name);
  }

  unset(name: string): void {
    rmSync(join(this.vhostd.dir, name));
  }

  /** What has been written down, of a process if it is named. */
  events(of?: { pid: number }): RecordedEvent[] {
    const file = join(this.vhostd.dir, RECORD);
    const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n').slice(0, -1) : [];
    const events = lines.map((line) => {
      const [siteId = '', pid = '', ...event] = line.split(' ');
      return { siteId, pid: Number(pid), event: event.join(' ') };
    });
    return of === undefined ? events : events.filter(({ pid }) => pid === of.pid);
  }

  /** The events of a process, by name. */
  namesOf(pid: number): string[] {
    return this.events({ pid }).map(({ event }) => event);
  }
}

/** A recorded site: one worker, which is not replaced for long when it fails. */
export function recorded(site: Partial<SiteOptions>): SiteOptions {
  const { siteId = 'a', workerOptions, ...rest } = site;
  const { env, ...options } = (workerOptions ?? {}) as { env?: Record<string, string> };
  return {
    siteId,
    hosts: [`${siteId}.test`],
    workerFile: siteFile('recorded', import.meta.url),
    drainTimeout: '10s',
    stopTimeout: '2s',
    restart: { intensity: 1000, backoffMin: '50ms', backoffMax: '200ms' },
    workerOptions: { ...options, env: { RECORD, ...env } },
    ...rest,
  };
}

/** In the working directory of every site. */
const RECORD = 'record';
