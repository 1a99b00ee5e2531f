// What a master keeps with its daemon for the master after it: conf and releases that serve, as against those that are
// on disk by then, which nobody has asked for yet, or which have failed.
import type { MasterConf, SiteConf } from '../conf/site-conf.js';
import type { Release } from '../workers/worker-files.js';
import { VERSION } from '../version.js';

/** What a site serves with. */
export interface ServedSite {
  /** As the operator gave it. */
  conf: SiteConf;
  generation: number;
  /** Absent until a worker was ready. */
  release?: Release;
}

/** What the last master has kept. */
export interface Recalled {
  conf: MasterConf;
  sites: ReadonlyMap<string, ServedSite>;
}

/** Who keeps it. */
interface Keeper {
  /** False: it has to be told again later. */
  remember(key: string, value: unknown): boolean;
  recall(key: string): Promise<unknown>;
}

/** Under the key {@link WHOLE}. */
interface Whole {
  /** Of the code that wrote all of it: another version may mean something else by it. */
  version: string;
  conf: MasterConf;
  siteIds: string[];
}

export class Memory {
  readonly #keeper: Keeper | undefined;
  readonly #sites = new Map<string, ServedSite>();
  #conf: MasterConf;
  /** What the keeper may not have as it is now: keys, and what is to be kept under them. */
  readonly #changed = new Map<string, () => unknown>();
  /** What the keeper has, as JSON. */
  readonly #told = new Map<string, string>();
  #telling = false;
  #again: NodeJS.Timeout | undefined;
  #recalled: Promise<Recalled | undefined> | undefined;

  /** Without a keeper nothing is kept. */
  constructor(keeper: Keeper | undefined, conf: MasterConf) {
    this.#keeper = keeper;
    this.#conf = conf;
  }

  setConf(conf: MasterConf): void {
    this.#conf = conf;
    this.#wholeChanged();
  }

  setSite(site: ServedSite): void {
    const { siteId } = site.conf;
    if (!this.#sites.has(siteId)) this.#wholeChanged();
    this.#sites.set(siteId, site);
    this.#siteChanged(siteId);
  }

  forgetSite(siteId: string): void {
    if (!this.#sites.delete(siteId)) return;
    this.#wholeChanged();
    this.#siteChanged(siteId);
  }

  /** What the last master has kept: all of it, or nothing. */
  recall(): Promise<Recalled | undefined> {
    this.#recalled ??= this.#recall().catch(() => undefined);
    return this.#recalled;
  }

  async #recall(): Promise<Recalled | undefined> {
    const whole = (await this.#keeper?.recall(WHOLE)) as Whole | null | undefined;
    if (whole?.version !== VERSION) return undefined;
    const sites = new Map<string, ServedSite>();
    for (const siteId of whole.siteIds) {
      const site = (await this.#keeper?.recall(keyOf(siteId))) as ServedSite | null;
      if (site === null) return undefined;
      sites.set(siteId, site);
    }
    return { conf: { ...whole.conf, sites: Array.from(sites.values(), ({ conf }) => conf) }, sites };
  }

  #wholeChanged(): void {
    this.#tellSoon(WHOLE, (): Whole => ({
      version: VERSION,
      conf: { ...this.#conf, sites: [] },
      siteIds: this.#order(),
    }));
  }

  #siteChanged(siteId: string): void {
    this.#tellSoon(keyOf(siteId), () => this.#sites.get(siteId) ?? null);
  }

  /** Much of it changes at once. */
  #tellSoon(key: string, value: () => unknown): void {
    this.#changed.set(key, value);
    if (this.#keeper === undefined || this.#telling) return;
    this.#telling = true;
    setImmediate(() => {
      this.#telling = false;
      this.#tell();
    });
  }

  #tell(): void {
    for (const [key, value] of this.#changed) {
      if (this.#tellOne(key, value())) this.#changed.delete(key);
    }
    clearTimeout(this.#again);
    if (this.#changed.size > 0) this.#again = setTimeout(() => this.#tell(), AGAIN_MS).unref();
  }

  /** As in the conf; those that it does not name come behind. */
  #order(): string[] {
    const named = this.#conf.sites.map(({ siteId }) => siteId).filter((siteId) => this.#sites.has(siteId));
    return [...new Set([...named, ...this.#sites.keys()])];
  }

  #tellOne(key: string, value: unknown): boolean {
    const json = JSON.stringify(value);
    if (this.#told.get(key) === json) return true;
    if (!this.#keep(key, value)) return false;
    if (value === null) this.#told.delete(key);
    else this.#told.set(key, json);
    return true;
  }

  #keep(key: string, value: unknown): boolean {
    try {
      return this.#keeper?.remember(key, value) === true;
    } catch {
      // Too large to be kept. Without it the rest is worth nothing, but what was there before is worth less.
      return this.#keeper?.remember(key, null) === true;
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
