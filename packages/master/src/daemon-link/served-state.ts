// What a master saves with its daemon for the master after it: conf and releases that serve, as against those that are
// on disk by then, which nobody has asked for yet, or which have failed.
import type { Release } from '../conf/release.js';
import type { MasterConf, SiteConf } from '../conf/site-conf.js';
import type { MasterEvents } from '../events.js';
import { VERSION } from '../version.js';

/** What a site serves with. */
export interface ServedSite {
  /** As the operator gave it. */
  readonly conf: SiteConf;
  readonly generation: number;
  /** Absent until a worker was ready. */
  readonly release?: Release;
  /** It is a job that is done, and is not to be done again. */
  readonly finished?: true;
}

/** What the last master has saved. */
export interface LoadedState {
  readonly conf: MasterConf;
  readonly sites: ReadonlyMap<string, ServedSite>;
}

/** Where it is saved. */
export interface StateStore {
  /** Null removes what is there. False: it has to be saved again later. */
  save(key: string, value: unknown): boolean;
  /** Null where nothing is saved. */
  load(key: string): Promise<unknown>;
}

/** Under the key {@link WHOLE}. */
interface Whole {
  /** Of the code that wrote all of it: another version may mean something else by it. */
  readonly version: string;
  readonly conf: MasterConf;
  readonly siteIds: readonly string[];
}

export class ServedState {
  readonly #store: StateStore | undefined;
  readonly #sites = new Map<string, ServedSite>();
  #conf: MasterConf;
  /** What the store may not have as it is now: keys, and what is to be saved under them. */
  readonly #changed = new Map<string, () => unknown>();
  /** What the store has, as JSON. */
  readonly #saved = new Map<string, string>();
  #saving = false;
  #again: NodeJS.Timeout | undefined;
  #loaded: Promise<LoadedState | undefined> | undefined;

  /** Without a store nothing is saved. */
  constructor(store: StateStore | undefined, conf: MasterConf) {
    this.#store = store;
    this.#conf = conf;
  }

  subscribe(events: MasterEvents): void {
    events.on('conf.applied', ({ conf }) => {
      this.#conf = conf;
      this.#wholeChanged();
    });
    events.on('site.served', (site) => {
      const { siteId } = site.conf;
      if (!this.#sites.has(siteId)) this.#wholeChanged();
      this.#sites.set(siteId, site);
      this.#siteChanged(siteId);
    });
    events.on('site.removed', ({ siteId }) => {
      if (!this.#sites.delete(siteId)) return;
      this.#wholeChanged();
      this.#siteChanged(siteId);
    });
  }

  /** What the last master has saved: all of it, or nothing. */
  load(): Promise<LoadedState | undefined> {
    this.#loaded ??= this.#load().catch(() => undefined);
    return this.#loaded;
  }

  async #load(): Promise<LoadedState | undefined> {
    const whole = (await this.#store?.load(WHOLE)) as Whole | null | undefined;
    if (whole?.version !== VERSION) return undefined;
    const sites = new Map<string, ServedSite>();
    for (const siteId of whole.siteIds) {
      const site = (await this.#store?.load(keyOf(siteId))) as ServedSite | null;
      if (site === null) return undefined;
      sites.set(siteId, site);
    }
    return { conf: { ...whole.conf, sites: Array.from(sites.values(), ({ conf }) => conf) }, sites };
  }

  #wholeChanged(): void {
    this.#saveSoon(WHOLE, (): Whole => ({
      version: VERSION,
      conf: { ...this.#conf, sites: [] },
      siteIds: this.#order(),
    }));
  }

  #siteChanged(siteId: string): void {
    this.#saveSoon(keyOf(siteId), () => this.#sites.get(siteId) ?? null);
  }

  /** Much of it changes at once. */
  #saveSoon(key: string, value: () => unknown): void {
    this.#changed.set(key, value);
    if (this.#store === undefined || this.#saving) return;
    this.#saving = true;
    setImmediate(() => {
      this.#saving = false;
      this.#save();
    });
  }

  #save(): void {
    for (const [key, value] of this.#changed) {
      if (this.#saveOne(key, value())) this.#changed.delete(key);
    }
    clearTimeout(this.#again);
    if (this.#changed.size > 0) this.#again = setTimeout(() => this.#save(), AGAIN_MS).unref();
  }

  /** As in the conf; those that it does not name come behind. */
  #order(): string[] {
    const named = this.#conf.sites.map(({ siteId }) => siteId).filter((siteId) => this.#sites.has(siteId));
    return [...new Set([...named, ...this.#sites.keys()])];
  }

  #saveOne(key: string, value: unknown): boolean {
    const json = JSON.stringify(value);
    if (this.#saved.get(key) === json) return true;
    if (!this.#put(key, value)) return false;
    if (value === null) this.#saved.delete(key);
    else this.#saved.set(key, json);
    return true;
  }

  #put(key: string, value: unknown): boolean {
    try {
      return this.#store?.save(key, value) === true;
    } catch {
      // Too large to be saved. Without it the rest is worth nothing, but what was there before is worth less.
      return this.#store?.save(key, null) === true;
    }
  }
}

/** The key of what is not of one site. */
const WHOLE = 'whole';

function keyOf(siteId: string): string {
  return `site ${siteId}`;
}

/** How soon a daemon that could take nothing more is told again, ms. */
const AGAIN_MS = 1000;
