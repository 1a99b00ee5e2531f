// Which files the workers of a generation run: looked up until one of them is ready, so that a reload finds a release
// behind a symbolic link anew, while a worker that is restarted runs the release of its generation. The files with their
// variables are read once.
import { existsSync, realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { VhostError } from '@vhostd/protocol';
import { foreignUserOf } from '../conf/foreign-user.js';
import type { Release } from '../conf/release.js';
import type { SiteConf } from '../conf/site-conf.js';
import { entryOf } from './directory-entry.js';
import { namesPackageManager, scriptRelease } from './package-script.js';
import { readsVariables, readVariables } from './site-variables.js';

export class WorkerFiles {
  readonly #conf: SiteConf;
  #found: Release | undefined;
  #kept = false;
  #variables: Readonly<Record<string, string>> | undefined;
  #reading: Promise<void> | undefined;
  #unreadable: unknown;

  /** `release`: one that is kept from the start. */
  constructor(conf: SiteConf, release?: Release) {
    this.#conf = conf;
    this.#found = release;
    this.#kept = release !== undefined;
    if (!readsVariables(conf)) this.#variables = conf.workerOptions.env;
  }

  /** The release of the generation, once there is one. */
  get kept(): Release | undefined {
    return this.#kept ? this.#found : undefined;
  }

  /**
   * What the next worker runs: the release that was kept, or, where there is none or it has been removed, what is
   * there now.
   * @throws {VhostError} ERR_SITE_FILE when nothing is there, ERR_SITE_SCRIPT.
   */
  release(): Release {
    if (!this.#kept || this.#found === undefined || !isThere(this.#found)) this.#found = this.#lookUp();
    return this.#found;
  }

  /** A worker is ready: what it runs is the release of the generation. */
  keep(): void {
    this.#kept = true;
  }

  /** Reads what {@link variables} needs; undefined where it has all. Never rejects. */
  readVariables(): Promise<void> | undefined {
    if (this.#variables !== undefined) return undefined;
    this.#reading ??= this.#readVariables();
    return this.#reading;
  }

  /** The variables that the conf names. @throws {VhostError} ERR_SITE_ENV: by the next call they are read anew. */
  variables(): Readonly<Record<string, string>> {
    if (this.#variables !== undefined) return this.#variables;
    void this.readVariables();
    throw this.#unreadable;
  }

  async #readVariables(): Promise<void> {
    try {
      this.#variables = await readVariables(this.#conf);
    } catch (error) {
      this.#unreadable = error;
    }
    this.#reading = undefined;
  }

  #lookUp(): Release {
    const { workerFile, workerOptions } = this.#conf;
    if (namesPackageManager(this.#conf)) {
      return scriptRelease(this.#conf, this.#resolve(workerOptions.cwd, 'entered'));
    }
    const named = this.#resolve(workerFile, 'run');
    // Where a directory has no entry, Node says best what it misses.
    return {
      workerFile: entryOf(named, foreignUserOf(this.#conf.runAs)) ?? named,
      cwd: this.#resolve(workerOptions.cwd, 'entered'),
    };
  }

  #resolve(file: string, what: string): string {
    try {
      return realpathSync(file);
    } catch (error) {
      const { siteId } = this.#conf;
      throw new VhostError('ERR_SITE_FILE', `site ${siteId}: ${file} cannot be ${what}: ${reasonOf(error)}`, {
        info: { siteId, file },
        cause: error,
      });
    }
  }
}

/** What each worker loads before its site. Resolved, never imported: it is the worker's code, not the master's. */
export function preloadFile(): string {
  return fileURLToPath(import.meta.resolve('@vhostd/worker/preload'));
}

function isThere({ workerFile, cwd }: Release): boolean {
  return existsSync(workerFile) && existsSync(cwd);
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
