// The sites of the master, kept by its control API: what happens tells which of them are to be asked for anew.
import type { MasterEvent, SiteDetail } from '@vhostd/protocol';
import { decode, masterEvent, siteDetail, siteStatus, z } from '@vhostd/protocol/schemas';

/** The control API, as far as it is needed. */
export interface ControlApi {
  request(path: string): Promise<unknown>;
  /** Calls back with events as they come, until the promise rejects. */
  follow(path: string, onEvents: (value: unknown) => void): Promise<unknown>;
}

export class MasterSites {
  readonly #api: ControlApi;
  readonly #onChange: (sites: readonly SiteDetail[]) => void;
  readonly #sites = new Map<string, SiteDetail>();
  /** Those that may have changed. */
  readonly #due = new Set<string>();
  #allDue = false;
  #busy = false;
  #timer: NodeJS.Timeout | undefined;
  #ended = false;

  constructor(api: ControlApi, onChange: (sites: readonly SiteDetail[]) => void) {
    this.#api = api;
    this.#onChange = onChange;
  }

  /** Follows the master until {@link end}. Where it was too slow for the events, all sites are asked for once more. */
  async run(): Promise<void> {
    while (!this.#ended) {
      try {
        await this.#api.follow('/events', (value) => this.#take(decode(events, value, 'events')));
      } catch {
        await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
      }
    }
  }

  /** Resolves when all sites are as the master shows them from now on, whatever is being asked already. */
  async askAnew(): Promise<void> {
    while (!this.#ended) {
      try {
        return await this.#askOnce(true);
      } catch {
        await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
      }
    }
  }

  end(): void {
    this.#ended = true;
    clearTimeout(this.#timer);
  }

  #take(happened: readonly MasterEvent[]): void {
    for (const { event, payload } of happened) {
      const { siteId } = payload;
      if (event === 'subscribed' || event === 'conf.applied') this.#allDue = true;
      else if (typeof siteId === 'string' && OF_SITES.test(event)) this.#due.add(siteId);
    }
    if (this.#allDue || this.#due.size > 0) this.#timer ??= setTimeout(() => void this.#ask(), GATHER_MS);
  }

  async #ask(): Promise<void> {
    this.#timer = undefined;
    if (this.#busy) return;
    this.#busy = true;
    try {
      while (!this.#ended && (this.#allDue || this.#due.size > 0)) await this.#askOnce();
    } catch {
      // The master is busy, or going: what is due stays so.
      if (!this.#ended) this.#timer ??= setTimeout(() => void this.#ask(), AGAIN_MS);
    } finally {
      this.#busy = false;
    }
  }

  async #askOnce(all = false): Promise<void> {
    const { sites } = decode(listed, await this.#api.request('/sites'), 'sites');
    const present = new Set(sites.map(({ siteId }) => siteId));
    const isAll = all || this.#allDue;
    const asked = [...present].filter((siteId) => isAll || this.#due.has(siteId) || !this.#sites.has(siteId));
    this.#allDue = false;
    this.#due.clear();
    try {
      for (const siteId of asked) await this.#askFor(siteId);
    } catch (error) {
      this.#allDue = true;
      throw error;
    }
    for (const siteId of this.#sites.keys()) if (!present.has(siteId)) this.#sites.delete(siteId);
    if (!this.#ended) this.#onChange([...this.#sites.values()]);
  }

  async #askFor(siteId: string): Promise<void> {
    const answer = await this.#api.request(`/sites/${encodeURIComponent(siteId)}`);
    this.#sites.set(siteId, decode(siteDetail, answer, 'site'));
  }
}

const events = z.array(masterEvent);
const listed = z.object({ sites: z.array(siteStatus) });
/** What may change whether a site serves, and where. */
const OF_SITES = /^(?:site\.|worker\.(?:ready|exited|replaced)$)/;
const GATHER_MS = 20;
const AGAIN_MS = 1000;
