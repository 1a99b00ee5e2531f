// A directory for each site that its workers alone use: of their user, with mode 0700. What they share there, such as the
// keys of TLS sessions, is none of the master's business; it only makes the directory.
import { randomUUID } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  constants,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { open, opendir, rmdir, unlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { SITES_DIR_VARIABLE, VhostError } from '@vhostd/protocol';
import { isForeign } from '../conf/foreign-user.js';
import type { SiteConf } from '../conf/site-conf.js';

export class SiteDirectories {
  #base: string | undefined;

  /** `base`: where they are; absent: in a directory that is removed when this process ends. */
  constructor(base: string | undefined) {
    this.#base = base;
  }

  /** Those of this process; its variable is gone afterwards, since it is not for workers. */
  static ofProcess(): SiteDirectories {
    const { [SITES_DIR_VARIABLE]: base } = process.env;
    delete process.env[SITES_DIR_VARIABLE];
    return new SiteDirectories(base);
  }

  /**
   * The path of a site's directory, made if it is missing.
   * @throws {VhostError} ERR_SITE_DIR.
   */
  of({ siteId, runAs }: Pick<SiteConf, 'siteId' | 'runAs'>): string {
    const directory = path.join(this.#existingBase(), siteId);
    try {
      mkdirSync(directory, { mode: 0o700 });
      chmodSync(directory, 0o700);
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST'))
        throw failed(siteId, error);
    }
    try {
      const uid = isForeign(runAs) ? runAs.uid : process.geteuid?.();
      const found = lstatSync(directory);
      if (!found.isDirectory()) throw new Error('it is no directory');
      // Of a site that has been given another user: what is in it was the other one's.
      if (uid !== undefined && found.uid !== uid) this.#handTo(directory, uid, runAs?.gid ?? found.gid);
    } catch (error) {
      throw failed(siteId, error);
    }
    return directory;
  }

  /** Of a site that is there no more, nor any process of it. */
  remove(siteId: string): void {
    if (this.#base !== undefined) this.#discard(path.join(this.#base, siteId));
  }

  /** Out of the way at once, for a site of the same id; emptied after that. No site has an id with a tilde. */
  #discard(directory: string): void {
    const discarded = path.join(path.dirname(directory), `removed~${randomUUID()}`);
    try {
      renameSync(directory, discarded);
    } catch {
      return; // It was never made.
    }
    void removeTree(discarded);
  }

  #handTo(directory: string, uid: number, gid: number): void {
    this.#discard(directory);
    mkdirSync(directory, { mode: 0o700 });
    chmodSync(directory, 0o700);
    chownSync(directory, uid, gid);
  }

  #existingBase(): string {
    if (this.#base === undefined) {
      const base = mkdtempSync(path.join(tmpdir(), 'vhostd-sites-'));
      process.once('exit', () => rmSync(base, { recursive: true, force: true }));
      this.#base = base;
    } else {
      mkdirSync(this.#base, { recursive: true, mode: 0o700 });
    }
    return this.#base;
  }
}

/**
 * Opens a site's directory for a process that may enter it, but not what it is in; undefined where the process can use the
 * path. To be closed when the process has been started.
 */
export function openForSite(directory: string, { runAs }: Pick<SiteConf, 'runAs'>): number | undefined {
  if (!isForeign(runAs)) return undefined;
  return openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
}

/**
 * Removes a directory with all that is in it, and follows no link: a process that the site left behind may change what is
 * there meanwhile. Each directory is opened, and only what is in the opened one is removed. Its parent is not the site's.
 * What is deeper than anything of ours stays: each level takes two descriptors.
 */
async function removeTree(directory: string, depth = 0): Promise<void> {
  if (depth > MAX_DEPTH) return;
  try {
    await empty(directory, depth);
    await rmdir(directory);
  } catch {
    // What is left harms nobody.
  }
}

async function empty(directory: string, depth: number): Promise<void> {
  const opened = await open(directory, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  try {
    const within = `/proc/self/fd/${opened.fd}`;
    for await (const entry of await opendir(within)) {
      const found = path.join(within, entry.name);
      await (entry.isDirectory() ? removeTree(found, depth + 1) : unlink(found).catch(() => undefined));
    }
  } finally {
    await opened.close();
  }
}

function failed(siteId: string, cause: unknown): VhostError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new VhostError(
    'ERR_SITE_DIR',
    `site ${siteId}: its directory in the run directory cannot be made: ${reason}`,
    {
      info: { siteId },
      cause,
    },
  );
}

/** Of a compile cache there are three. */
const MAX_DEPTH = 8;
