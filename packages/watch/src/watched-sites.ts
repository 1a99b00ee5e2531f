// The files of the sites of a master: a watcher for each, and what they tell.
import type { WatchedSite, WatcherToMaster } from '@vhostd/protocol';
import { toWireError } from '@vhostd/protocol';
import { FileWatcher } from './files/file-watcher.js';

/** Takes what the process that watches reports. */
export type WatchReports = {
  readonly [Name in keyof WatcherToMaster]: (told: WatcherToMaster[Name]['params']) => void;
};

export class WatchedSites {
  readonly #reports: WatchReports;
  /** By what was asked for: a site that is to be watched otherwise has another watcher. */
  readonly #watchers = new Map<string, FileWatcher>();

  constructor(reports: WatchReports) {
    this.#reports = reports;
  }

  /** Watches these from now on, and no others. */
  watch(sites: readonly WatchedSite[]): void {
    const wanted = new Map(sites.map((site) => [keyOf(site), site]));
    for (const [key, watcher] of this.#watchers) {
      if (wanted.has(key)) continue;
      watcher.close();
      this.#watchers.delete(key);
    }
    for (const [key, site] of wanted) if (!this.#watchers.has(key)) this.#open(key, site);
  }

  #open(key: string, { siteId, path, extensions, followSymlinks, sinceMs }: WatchedSite): void {
    const watcher = new FileWatcher({ cwd: path, extensions, gitignore: true, followSymlinks });
    this.#watchers.set(key, watcher);
    watcher.on('changed', (paths) => {
      const files = paths.slice(0, TOLD_MAX_COUNT).map((file) => relativeTo(path, file));
      this.#reports.changed({ siteId, files, count: paths.length });
    });
    watcher.on('problem', (error) => this.#tellProblem(siteId, error));
    watcher.open(sinceMs).then(
      () => {
        const isWanted = this.#watchers.get(key) === watcher;
        if (isWanted) this.#reports.watching({ siteId, count: watcher.files.length });
      },
      (error: unknown) => this.#tellProblem(siteId, error),
    );
  }

  #tellProblem(siteId: string, error: unknown): void {
    const { code, message } = toWireError(error);
    this.#reports.problem({ siteId, code, message });
  }
}

function keyOf({ siteId, path, extensions, followSymlinks }: WatchedSite): string {
  return JSON.stringify([siteId, path, extensions, followSymlinks]);
}

function relativeTo(path: string, file: string): string {
  return file.startsWith(`${path}/`) ? file.slice(path.length + 1) : file;
}

const TOLD_MAX_COUNT = 10;
