// Sites with `"watch": true`: what changes is reloaded, and while the code is broken browsers see why.
import { isForeign } from '../conf/foreign-user.js';
import path from 'node:path';
import type { MaintenanceOptions, ReloadResult, SiteStatus, WatchedSite, WireError } from '@vhostd/protocol';
import { toWireError } from '@vhostd/protocol';
import type { SiteConf } from '../conf/site-conf.js';
import type { EventName, MasterEvents } from '../events.js';
import { WatchProcess } from './watch-process.js';

/** A site, as far as it is watched. */
export interface WatchableSite {
  readonly siteId: string;
  readonly conf: SiteConf;
  readonly readiness: { readonly published: boolean };
  /** It stops, or has stopped. */
  readonly stopping: boolean;
  status(): Pick<SiteStatus, 'maintenance'>;
}

/** What {@link SiteWatch} works with. */
export interface SiteWatchOptions {
  readonly sites: () => readonly WatchableSite[];
  /** As `vhostd reload SITE`. */
  readonly reload: (siteId: string) => Promise<ReloadResult>;
  /** Answers all requests of a site with a page, or no longer. */
  readonly maintain: (siteId: string, options: MaintenanceOptions | null) => Promise<unknown>;
  /** Replaced by tests. */
  readonly watcher?: Pick<WatchProcess, 'watch' | 'stop'>;
}

interface Broken {
  readonly message: string;
  readonly by: 'boot' | 'reload';
  shown: boolean;
  /** Since the last change. */
  told: boolean;
}

/** What is known of a watched site. */
interface Watched {
  readonly sinceMs: number;
  files: number | undefined;
  /** Why it does not serve what is on disk, and what would mend that. */
  broken: Broken | undefined;
  reloading: boolean;
  changed: boolean;
}

export class SiteWatch {
  readonly #options: SiteWatchOptions;
  readonly #events: MasterEvents;
  readonly #watcher: Pick<WatchProcess, 'watch' | 'stop'>;
  readonly #watched = new Map<string, Watched>();
  #told = '[]';
  #due = false;
  #stopped = false;

  constructor(options: SiteWatchOptions, events: MasterEvents) {
    this.#options = options;
    this.#events = events;
    this.#watcher = options.watcher ?? new WatchProcess(events);
    for (const name of OCCASIONS) events.on(name, () => this.#soon());
    events.on('site.watched', ({ siteId, count }) => this.#onWatched(siteId, count));
    events.on('site.changed', ({ siteId }) => void this.#reload(siteId));
    events.on('site.failed', ({ siteId, error }) => this.#break(siteId, storyOf(error), 'boot'));
    events.on('site.given-up', ({ siteId, error }) => this.#break(siteId, storyOf(error), 'boot'));
    events.on('worker.exited', ({ siteId, asked, reason, message }) => {
      const isDown = this.#find(siteId)?.readiness.published === false;
      if (!asked && isDown) this.#break(siteId, message ?? reason, 'boot');
    });
    events.on('site.published', ({ siteId }) => {
      if (this.#watched.get(siteId)?.broken?.by === 'boot') this.#mend(siteId);
    });
    events.on('site.reload.failed', ({ siteId, error }) => this.#break(siteId, storyOf(error), 'reload'));
    events.on('site.reloaded', ({ siteId }) => this.#mend(siteId));
    events.on('site.restarted', ({ siteId }) => this.#mend(siteId));
    // An operator's page is the operator's to take away.
    events.on('site.maintenance', ({ siteId }) => {
      const broken = this.#watched.get(siteId)?.broken;
      if (broken !== undefined) broken.shown = false;
    });
  }

  /** What the status says of a site. */
  status(siteId: string): Pick<SiteStatus, 'watch'> {
    const watched = this.#watched.get(siteId);
    if (watched === undefined) return {};
    return { watch: watched.files === undefined ? {} : { files: watched.files } };
  }

  /** Resolves when nothing is watched any more. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#watcher.stop();
  }

  #soon(): void {
    if (this.#due) return;
    this.#due = true;
    setImmediate(() => {
      this.#due = false;
      if (!this.#stopped) this.#look();
    });
  }

  #look(): void {
    const wanted = this.#options.sites().filter((site) => isWatched(site));
    const siteIds = new Set(wanted.map(({ siteId }) => siteId));
    for (const siteId of this.#watched.keys()) if (!siteIds.has(siteId)) this.#drop(siteId);
    const orders = wanted.map(({ siteId, conf }): WatchedSite => {
      const sinceMs = this.#watchedOf(siteId).sinceMs;
      const extensions = extensionsOf(conf);
      return { siteId, path: conf.path, extensions, followSymlinks: !isForeign(conf.runAs), sinceMs };
    });
    const text = JSON.stringify(orders);
    if (text === this.#told) return;
    this.#told = text;
    this.#watcher.watch(orders);
  }

  #watchedOf(siteId: string): Watched {
    let watched = this.#watched.get(siteId);
    if (watched === undefined) {
      watched = {
        sinceMs: Date.now(),
        files: undefined,
        broken: undefined,
        reloading: false,
        changed: false,
      };
      this.#watched.set(siteId, watched);
    }
    return watched;
  }

  #drop(siteId: string): void {
    this.#mend(siteId);
    this.#watched.delete(siteId);
  }

  #onWatched(siteId: string, count: number): void {
    const watched = this.#watched.get(siteId);
    if (watched !== undefined) watched.files = count;
  }

  /** What has changed meanwhile is one more reload. */
  async #reload(siteId: string): Promise<void> {
    const watched = this.#watched.get(siteId);
    if (watched === undefined) return;
    watched.changed = true;
    if (watched.reloading) return;
    watched.reloading = true;
    while (watched.changed && this.#watched.get(siteId) === watched && !this.#stopped) {
      watched.changed = false;
      if (watched.broken !== undefined) watched.broken.told = false;
      const error = await this.#reloadOnce(siteId);
      if (error !== undefined) this.#break(siteId, storyOf(error), 'reload');
    }
    watched.reloading = false;
  }

  async #reloadOnce(siteId: string): Promise<WireError | undefined> {
    try {
      const { sites } = await this.#options.reload(siteId);
      return sites.find((site) => site.siteId === siteId)?.error;
    } catch (error) {
      // Of the conf, for instance: it is the next change that may mend it.
      return toWireError(error);
    }
  }

  #break(siteId: string, message: string, by: 'boot' | 'reload'): void {
    const site = this.#find(siteId);
    if (site === undefined || !isWatched(site)) return;
    const watched = this.#watchedOf(siteId);
    const before = watched.broken;
    const isSame = before?.message === message;
    if (isSame && before.told) return;
    // A worker tells its error, its site the same one with the stack.
    const isFuller = before?.told === true && message.includes(before.message);
    const isOurs = before?.shown === true || site.status().maintenance === undefined;
    watched.broken = { message, by, shown: isOurs, told: true };
    if (!isFuller) this.#events.emit('site.broken', { siteId, message });
    if (!isOurs || (isSame && before.shown)) return;
    const page = { title: `${siteId} is broken`, message: message.slice(0, MESSAGE_MAX_CHARS), refresh: 1 };
    this.#maintain(siteId, page);
  }

  #mend(siteId: string): void {
    const watched = this.#watched.get(siteId);
    if (watched?.broken === undefined) return;
    const { shown } = watched.broken;
    watched.broken = undefined;
    if (shown) this.#maintain(siteId, null);
    this.#events.emit('site.mended', { siteId });
  }

  /** A site that can't show a page has its error in log and status all the same. */
  #maintain(siteId: string, options: MaintenanceOptions | null): void {
    this.#options.maintain(siteId, options).catch(() => undefined);
  }

  #find(siteId: string): WatchableSite | undefined {
    return this.#options.sites().find((site) => site.siteId === siteId);
  }
}

function isWatched(site: WatchableSite): boolean {
  return site.conf.watch && !site.stopping;
}

/** Those of JavaScript, of what confs are written in, and that of the site's own file. */
function extensionsOf({ workerFile }: SiteConf): string[] {
  const own = path.extname(workerFile).slice(1);
  return own === '' || EXTENSIONS.includes(own) ? [...EXTENSIONS] : [...EXTENSIONS, own];
}

/** With its stack, which begins with the message. */
function storyOf({ message, stack }: WireError): string {
  return stack?.includes(message) === true ? stack : message;
}

const EXTENSIONS = ['js', 'mjs', 'cjs', 'ts', 'mts', 'cts', 'jsx', 'tsx', 'json', 'node', 'env'];
const MESSAGE_MAX_CHARS = 2000;

/** What may change which sites are watched, or where they are. */
const OCCASIONS: readonly EventName[] = [
  'worker.spawned',
  'site.published',
  'site.removed',
  'site.reloaded',
  'site.stopped',
  'site.started',
  'sites.loaded',
];
