// Brings up sites whose listener another process had, as soon as it can be had.
import type { WireError } from '@vhostd/protocol';
import { Backoff, resolveBackoff } from '@vhostd/supervisor';

/** What is brought up. */
interface Startable {
  readonly siteId: string;
  /** Its listeners can't be had. */
  readonly blocked: boolean;
}

interface Retry {
  backoff: Backoff;
  timer: NodeJS.Timeout | undefined;
}

export class SiteRetries<T extends Startable> {
  readonly #start: (site: T) => Promise<unknown>;
  readonly #bySite = new Map<T, Retry>();
  #closed = false;

  /** `start` brings a site up and tells {@link after} what came of it. */
  constructor(start: (site: T) => Promise<unknown>) {
    this.#start = start;
  }

  /** Plans what follows a start. True if the same start failed for the same kind of reason before. */
  after(site: T, error: WireError | undefined): boolean {
    const known = this.#bySite.get(site);
    if (error === undefined || this.#closed || !RETRIED.has(error.code) || !site.blocked) {
      this.#bySite.delete(site);
      return false;
    }
    const retry = known ?? {
      backoff: new Backoff(resolveBackoff({ baseMs: 100, factor: 2, capMs: 5_000 })),
      timer: undefined,
    };
    this.#bySite.set(site, retry);
    retry.timer = setTimeout(() => this.#again(site, retry), retry.backoff.next(0));
    return known !== undefined;
  }

  /** None is started from now on. */
  close(): void {
    this.#closed = true;
    for (const { timer } of this.#bySite.values()) clearTimeout(timer);
    this.#bySite.clear();
  }

  #again(site: T, retry: Retry): void {
    if (this.#bySite.get(site) !== retry) return;
    // A reload may have brought it up, or it is gone from the conf.
    if (site.blocked) void this.#start(site);
    else this.#bySite.delete(site);
  }
}

/** What may be otherwise at the next try. */
const RETRIED: ReadonlySet<string> = new Set([
  'ERR_LISTEN_ADDRESS_IN_USE',
  'ERR_CALL_LOST',
  'ERR_SITE_SUSPECT',
]);
