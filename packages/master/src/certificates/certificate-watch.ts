// Says in time what is wrong with certificates, and which are new: as events, each once a day at most.
import type { MasterEvents } from '../events.js';
import { certificatesOf, remarksOn } from './site-certificates.js';
import type { CertifiedSite } from './site-certificates.js';

/** Where the watch finds sites. */
export interface CertifiedSites {
  list(): readonly CertifiedSite[];
  find(siteId: string): CertifiedSite | undefined;
}

/** What has been said of a site. */
interface Said {
  /** Remarks by their words, with the time; ms since 1970. */
  readonly at: Map<string, number>;
  hourMs: number;
  countInHour: number;
}

export class CertificateWatch {
  readonly #sites: CertifiedSites;
  readonly #now: () => number;
  readonly #said = new Map<string, Said>();
  /** Sites that are looked at in a moment. */
  readonly #soon = new Set<string>();

  constructor(sites: CertifiedSites, now: () => number = Date.now) {
    this.#sites = sites;
    this.#now = now;
  }

  /** Emits on the same emitter what there is to say. */
  subscribe(events: MasterEvents): void {
    events.on('worker.certificates', ({ siteId }) => this.#lookSoon(siteId, events));
    events.on('site.removed', ({ siteId }) => this.#said.delete(siteId));
    setInterval(() => {
      for (const site of this.#sites.list()) this.look(site, events);
    }, INTERVAL_MS).unref();
  }

  look(site: CertifiedSite, events: MasterEvents): void {
    const { siteId } = site;
    const nowMs = this.#now();
    for (const certificate of certificatesOf(site, nowMs)) {
      const { host, issuer, notAfter, fingerprint, file } = certificate;
      const named = {
        siteId,
        ...(host === undefined ? {} : { host }),
        ...(file === undefined ? {} : { file }),
      };
      const which = `${host ?? ''} ${fingerprint}`;
      if (this.#isNew(siteId, `used ${which}`, nowMs, 'once')) {
        events.emit('certificate.used', { ...named, issuer, notAfter, fingerprint });
      }
      for (const { what, ...remark } of remarksOn(certificate)) {
        if (!this.#isNew(siteId, `${what} ${which} ${remark.message}`, nowMs, 'daily')) continue;
        const payload = { ...named, notAfter, ...remark };
        if (what === 'due') events.emit('certificate.due', payload);
        else if (what === 'expired') events.emit('certificate.expired', payload);
        else events.emit('certificate.fault', payload);
      }
    }
    this.#forget(siteId, nowMs);
  }

  /** Workers say the same at the same time, and one may say something else again and again. */
  #lookSoon(siteId: string, events: MasterEvents): void {
    const isPlanned = this.#soon.size > 0;
    this.#soon.add(siteId);
    if (isPlanned) return;
    setTimeout(() => {
      const due = [...this.#soon];
      this.#soon.clear();
      for (const each of due) {
        const site = this.#sites.find(each);
        if (site !== undefined) this.look(site, events);
      }
    }, SOON_MS).unref();
  }

  /** Whether something is to be said now. What is said `once` is not said again while it holds. */
  #isNew(siteId: string, what: string, nowMs: number, how: 'once' | 'daily'): boolean {
    const said = this.#saidOf(siteId, nowMs);
    const lastMs = said.at.get(what);
    if (lastMs !== undefined && (how === 'once' || isWithinDay(lastMs, nowMs))) {
      if (how === 'once') said.at.set(what, nowMs);
      return false;
    }
    if (said.countInHour >= HOUR_MAX_COUNT) return false;
    said.countInHour += 1;
    said.at.set(what, nowMs);
    return true;
  }

  #saidOf(siteId: string, nowMs: number): Said {
    const hourMs = Math.floor(nowMs / HOUR_MS);
    let said = this.#said.get(siteId);
    if (said === undefined) {
      said = { at: new Map(), hourMs, countInHour: 0 };
      this.#said.set(siteId, said);
    }
    if (said.hourMs !== hourMs) Object.assign(said, { hourMs, countInHour: 0 });
    return said;
  }

  #forget(siteId: string, nowMs: number): void {
    const at = this.#said.get(siteId)?.at;
    for (const [what, lastMs] of at ?? []) if (!isWithinDay(lastMs, nowMs)) at?.delete(what);
  }
}

/** Also where the clock was set back. */
function isWithinDay(lastMs: number, nowMs: number): boolean {
  return Math.abs(nowMs - lastMs) < DAY_MS;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** How often to look whether a certificate is due or has expired, ms. */
const INTERVAL_MS = 60_000;
/** Between what workers tell and the look at it, ms. */
const SOON_MS = 500;
/** How much is said of a site in an hour: a worker can't fill the log. */
const HOUR_MAX_COUNT = 250;
