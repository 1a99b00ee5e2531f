// How the sites that operators have added and those of a conf become one list: the conf goes first. An added site that
// has the name or a host of one of the conf is left out, told, and still kept.
import { isDeepStrictEqual } from 'node:util';
import { VhostError } from '@vhostd/protocol';
import type { AddSiteOptions, ChangeSiteOptions } from '@vhostd/protocol';
import { parseSite } from '../conf/parse-conf.js';
import { sharedHostProblems } from '../conf/shared-hosts.js';
import type { SiteConf } from '../conf/site-conf.js';
import type { MasterEvents } from '../events.js';
import type { AddedSite, AddedSites } from './added-sites.js';
import type { DesiredSites } from './desired-sites.js';
import { changedSite } from './site-change.js';

/** The sites that there are. */
interface PresentSites {
  list(): readonly { readonly wanted: SiteConf }[];
}

export class SiteAdditions {
  readonly #added: AddedSites;
  readonly #desired: DesiredSites;
  readonly #sites: PresentSites;
  readonly #events: MasterEvents;
  /** Those of the present list that are not the conf's. */
  #listed: ReadonlySet<string> = new Set();

  constructor(added: AddedSites, desired: DesiredSites, sites: PresentSites, events: MasterEvents) {
    this.#added = added;
    this.#desired = desired;
    this.#sites = sites;
    this.#events = events;
  }

  /** A whole conf's sites, and the added ones behind them. */
  complete(confs: readonly SiteConf[]): readonly SiteConf[] {
    const all = [...confs];
    const listed = new Set<string>();
    for (const [siteId, added] of this.#added.list()) {
      const conf = this.#confOf(siteId, added);
      const message = conf instanceof VhostError ? conf.message : whyNot(all, conf);
      if (conf instanceof VhostError || message !== undefined) {
        this.#events.emit('site.left-out', { siteId, message: message ?? '' });
        continue;
      }
      listed.add(siteId);
      all.push(conf);
    }
    this.#listed = listed;
    return all;
  }

  /** The added sites that are not there when a master starts; what served under the last one is there. */
  missing(): readonly SiteConf[] {
    const present = this.#sites.list().map(({ wanted }) => wanted);
    const own = present.filter((conf) => {
      const added = this.#added.get(conf.siteId);
      const forms = added === undefined ? [] : [added, ...(added.before ?? [])];
      return !forms.some((form) => isDeepStrictEqual(conf, this.#confOf(conf.siteId, form)));
    });
    const known = new Set(present.map(({ siteId }) => siteId));
    return this.complete(own).filter(({ siteId }) => !known.has(siteId));
  }

  /**
   * The conf of a site that is to be added; undefined in place of it where it was added just so before.
   * @throws {VhostError} ERR_CONF_*, ERR_SITE_EXISTS.
   */
  check({ site, baseDir }: AddSiteOptions): { siteId: string; conf: SiteConf | undefined } {
    const conf = parseSite(site, { baseDir });
    const { siteId } = conf;
    const others = this.#sites.list().map(({ wanted }) => wanted);
    if (!others.some((other) => other.siteId === siteId)) {
      const why = whyNot(others, conf);
      if (why === undefined) return { siteId, conf };
      throw new VhostError('ERR_CONF_DUPLICATE_HOST', `site ${siteId} is not added: ${why}`, {
        info: { siteId },
      });
    }
    const added = this.#listed.has(siteId) ? this.#added.get(siteId) : undefined;
    if (added !== undefined && isDeepStrictEqual(this.#parsed(added), conf))
      return { siteId, conf: undefined };
    const message = `there is a site ${siteId} already; name this one otherwise, or remove that one first`;
    throw new VhostError('ERR_SITE_EXISTS', message, { info: { siteId } });
  }

  /**
   * How an added site is written, and its conf, when some of its fields are others.
   * @throws {VhostError} ERR_CONF_*, ERR_SITE_UNKNOWN, ERR_SITE_IN_CONF, ERR_SITE_OPTION.
   */
  change(siteId: string, change: ChangeSiteOptions): { added: AddedSite; conf: SiteConf; changed: boolean } {
    const before = this.#listed.has(siteId) ? this.#added.get(siteId) : undefined;
    if (before === undefined) throw this.#notAdded(siteId, 'change it');
    const written = changedSite(siteId, before, change);
    const { before: earlier = [], ...last } = before;
    const added = { ...written, before: [last, ...earlier].slice(0, BEFORE_MAX_COUNT) };
    const conf = parseSite(added.site, { baseDir: added.baseDir });
    const others = this.#sites.list().flatMap(({ wanted }) => (wanted.siteId === siteId ? [] : [wanted]));
    const why = whyNot(others, conf);
    if (why !== undefined) {
      const message = `site ${siteId} is not changed: ${why}`;
      throw new VhostError('ERR_CONF_DUPLICATE_HOST', message, { info: { siteId } });
    }
    return { added, conf, changed: !isDeepStrictEqual(conf, this.#parsed(before)) };
  }

  /** Whether the present site of this name is an added one, not the conf's. */
  has(siteId: string): boolean {
    return this.#listed.has(siteId);
  }

  /** What a site was changed to has come up. */
  settle(siteId: string): void {
    const { before, ...written } = this.#added.get(siteId) ?? {};
    if (before !== undefined && 'site' in written) this.#added.add(siteId, written);
  }

  /** Keeps a site that was checked, or changed. True if the next master will know of it. */
  add(siteId: string, added: AddedSite): boolean {
    this.#listed = new Set([...this.#listed, siteId]);
    return this.#added.add(siteId, added);
  }

  /**
   * Keeps it no longer. `listed`: the site of this name is the added one, not the conf's.
   * @throws {VhostError} ERR_SITE_UNKNOWN, ERR_SITE_IN_CONF.
   */
  remove(siteId: string): { lasts: boolean; listed: boolean } {
    if (this.#added.get(siteId) === undefined) throw this.#notAdded(siteId, 'take it out');
    const listed = this.#listed.has(siteId);
    this.#listed = new Set([...this.#listed].filter((id) => id !== siteId));
    return { lasts: this.#added.remove(siteId), listed };
  }

  #notAdded(siteId: string, what: string): VhostError {
    const known = this.#sites.list().some(({ wanted }) => wanted.siteId === siteId);
    if (!known) {
      const added = this.#added.list().map(([id]) => id);
      const message = `there is no site '${siteId}'; added were: ${added.join(', ') || 'none'}`;
      return new VhostError('ERR_SITE_UNKNOWN', message, { info: { siteId } });
    }
    const message = `site ${siteId} is in the conf: ${what} there, then reload`;
    return new VhostError('ERR_SITE_IN_CONF', message, { info: { siteId } });
  }

  /** Undefined where it is wrong by now. */
  #parsed({ site, baseDir }: AddedSite): SiteConf | undefined {
    try {
      return parseSite(site, { baseDir });
    } catch {
      return undefined;
    }
  }

  /** Where it is wrong by now, what it was goes on. */
  #confOf(siteId: string, added: AddedSite): SiteConf | VhostError {
    try {
      return this.#desired.applied(parseSite(added.site, { baseDir: added.baseDir }));
    } catch (error) {
      if (!(error instanceof VhostError)) throw error;
      const present = this.#listed.has(siteId) ? this.#sites.list() : [];
      return present.find(({ wanted }) => wanted.siteId === siteId)?.wanted ?? error;
    }
  }
}

function whyNot(others: readonly SiteConf[], conf: SiteConf): string | undefined {
  if (others.some(({ siteId }) => siteId === conf.siteId)) return 'the conf has a site of this name';
  return sharedHostProblems([...others, conf])[0]?.message;
}

/** Changes in vain that are remembered. */
const BEFORE_MAX_COUNT = 8;
