// Workers that wait until other sites are published.
import { VhostError } from '@vhostd/protocol';
import type { SiteWait } from '@vhostd/protocol';
import { formatDuration } from '../conf/quantity.js';
import type { Readiness } from './readiness.js';

/** What waiting needs to know of the sites. */
export interface WaitedSites {
  /** How a site stands, undefined for one that is not there. */
  readiness(siteId: string): Readiness | undefined;
}

export class SiteWaits {
  readonly #sites: WaitedSites;
  readonly #looks = new Set<() => void>();

  constructor(sites: WaitedSites) {
    this.#sites = sites;
  }

  /**
   * Resolves once all sites of a {@link SiteWait}, of which nothing is trusted, are published at the same time.
   * @throws {VhostError} ERR_SITE_WAIT_TIMEOUT, with `info.missing`; ERR_SITE_UNKNOWN; ERR_CALL_INVALID; ERR_CALL_LOST
   * when `gone` aborts.
   */
  async wait(received: unknown, gone: AbortSignal): Promise<null> {
    const { siteIds, timeoutMs } = parseWait(received);
    for (const siteId of siteIds) {
      if (this.#sites.readiness(siteId) === undefined) throw unknown(siteId);
    }
    if (this.#missing(siteIds).length > 0) await this.#published(siteIds, timeoutMs, gone);
    return null;
  }

  /** A site has changed: looks who need not wait any more. */
  look(): void {
    for (const look of this.#looks) look();
  }

  #published(siteIds: readonly string[], timeoutMs: number, gone: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const end = (settle: () => void): void => {
        this.#looks.delete(look);
        clearTimeout(timer);
        gone.removeEventListener('abort', onGone);
        settle();
      };
      const look = (): void => {
        if (this.#missing(siteIds).length === 0) end(resolve);
      };
      const onGone = (): void => {
        end(() => reject(new VhostError('ERR_CALL_LOST', 'who waited is gone')));
      };
      const timer = setTimeout(() => {
        end(() => reject(this.#tooLate(siteIds, timeoutMs)));
      }, timeoutMs);
      this.#looks.add(look);
      gone.addEventListener('abort', onGone);
      if (gone.aborted) onGone();
    });
  }

  #missing(siteIds: readonly string[]): string[] {
    return siteIds.filter((siteId) => this.#sites.readiness(siteId)?.published !== true);
  }

  #tooLate(siteIds: readonly string[], timeoutMs: number): VhostError {
    const missing = this.#missing(siteIds);
    const told = missing.slice(0, TOLD_MAX_COUNT).map((siteId) => {
      const failure = this.#sites.readiness(siteId)?.failure;
      return failure === undefined ? siteId : `${siteId} (${failure.message})`;
    });
    const rest = missing.length > told.length ? ` and ${missing.length - told.length} more` : '';
    return new VhostError(
      'ERR_SITE_WAIT_TIMEOUT',
      `not published within ${formatDuration(timeoutMs)}: ${told.join(', ')}${rest}`,
      { info: { missing, timeoutMs } },
    );
  }
}

function parseWait(received: unknown): SiteWait {
  const { siteIds, timeoutMs }: Record<string, unknown> =
    typeof received === 'object' && received !== null ? { ...received } : {};
  if (!Array.isArray(siteIds) || siteIds.length > WAITED_MAX_COUNT || !siteIds.every(isText)) {
    throw new VhostError(
      'ERR_CALL_INVALID',
      `waitForSites takes a list of at most ${WAITED_MAX_COUNT} siteIds`,
    );
  }
  if (typeof timeoutMs !== 'number' || !(timeoutMs >= 0)) {
    throw new VhostError('ERR_CALL_INVALID', 'waitForSites: timeoutMs must be a number of milliseconds');
  }
  return { siteIds, timeoutMs: Math.min(Math.round(timeoutMs), MAX_TIMER_MS) };
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

function unknown(siteId: string): VhostError {
  return new VhostError('ERR_SITE_UNKNOWN', `there is no site ${JSON.stringify(siteId.slice(0, 100))}`, {
    info: { siteId: siteId.slice(0, 100) },
  });
}

/** Sites that one wait may name. */
const WAITED_MAX_COUNT = 1000;
/** Sites that a message names. */
const TOLD_MAX_COUNT = 10;
/** The longest that a timer of Node's waits; beyond it fires at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;
