// What an operator wants of sites beside their confs: stopped, or another number of workers. It is kept in the state
// directory, and changed by nothing but orders: what becomes of a site is no wish.
import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import path from 'node:path';
import { z } from '@vhostd/protocol/schemas';
import type { SiteConf } from '../conf/site-conf.js';

/** Of one site. */
export interface DesiredSite {
  readonly stopped?: true;
  /** In place of the conf's `cpuLen`. */
  readonly workers?: number;
}

export class DesiredSites {
  readonly #file: string | undefined;
  #sites: ReadonlyMap<string, DesiredSite> = new Map();
  /** Why what was kept could not be read. */
  readonly trouble: string | undefined;

  /** Reads what is kept; without a state directory it lasts as long as this process. */
  constructor(stateDir?: string) {
    this.#file = stateDir === undefined ? undefined : path.join(stateDir, 'sites.json');
    try {
      if (this.#file !== undefined) this.#sites = read(this.#file);
    } catch (error) {
      this.trouble = `${this.#file}: ${error instanceof Error ? error.message : String(error)}`;
    }
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

  #set(siteId: string, desired: DesiredSite): boolean {
    const sites = new Map(this.#sites);
    if (Object.keys(desired).length === 0) sites.delete(siteId);
    else sites.set(siteId, desired);
    this.#sites = sites;
    return this.#write();
  }

  /** Whole or not at all: another file takes the place of the former one. */
  #write(): boolean {
    if (this.#file === undefined) return false;
    const next = `${this.#file}.next`;
    try {
      mkdirSync(path.dirname(this.#file), { recursive: true, mode: 0o700 });
      const fd = openSync(next, 'w', 0o600);
      try {
        writeSync(fd, `${JSON.stringify({ version: 1, sites: Object.fromEntries(this.#sites) }, null, 2)}\n`);
        fsyncSync(fd);
      } finally {
        closeSync(fd);
      }
      if (this.trouble !== undefined) keepUnreadable(this.#file);
      renameSync(next, this.#file);
      return true;
    } catch {
      return false;
    }
  }
}

/** @throws {Error} it can't be read, or is not what this writes. */
function read(file: string): Map<string, DesiredSite> {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return new Map();
    throw error;
  }
  return new Map(Object.entries(kept.parse(JSON.parse(text)).sites));
}

/** What somebody else has written is not overwritten. */
function keepUnreadable(file: string): void {
  try {
    renameSync(file, `${file}.unreadable`);
  } catch {
    // It is gone, or was never there.
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
