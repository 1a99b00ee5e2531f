// What is wrong with a site, in the words of its status.
import type { WireError } from '@vhostd/protocol';
import type { SiteState } from './site-state.js';

/** A site as far as its trouble is concerned. */
export interface TroubledSite {
  readonly siteId: string;
  readonly state: SiteState;
  /** The number of the generation that serves; undefined: none does. */
  readonly serving: number | undefined;
}

export class SiteTrouble {
  /** Why the site is not up. */
  failure: WireError | undefined;
  /** Why the last reload failed. */
  discarded: WireError | undefined;

  clear(): void {
    this.failure = undefined;
    this.discarded = undefined;
  }

  /** Why the site, or its last reload, failed. */
  reason({ siteId, state, serving }: TroubledSite): string | undefined {
    if (this.failure !== undefined) {
      const { message } = this.failure;
      return state === 'errored' ? `${message}; vhostd reload ${siteId} starts it anew` : message;
    }
    if (this.discarded === undefined) return undefined;
    const present = serving === undefined ? '' : `, generation ${serving} serves on`;
    return `the last reload failed${present}: ${this.discarded.message}`;
  }
}
