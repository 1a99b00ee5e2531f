// What is wrong with a site, in the words of its status.
import type { WireError } from '@vhostd/protocol';
import type { SiteState } from './site-state.js';

/** A site as far as its trouble is concerned. */
export interface TroubledSite {
  readonly siteId: string;
  readonly state: SiteState;
  /** It is a job of certain times, which a reload does not run. */
  readonly scheduled: boolean;
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
  reason({ siteId, state, scheduled, serving }: TroubledSite): string | undefined {
    if (this.failure !== undefined) {
      const { message } = this.failure;
      if (state !== 'errored') return message;
      const how = scheduled ? `vhostd restart ${siteId} runs` : `vhostd reload ${siteId} starts`;
      return `${message}; ${how} it anew`;
    }
    if (this.discarded === undefined) return undefined;
    const present = serving === undefined ? '' : `, generation ${serving} serves on`;
    return `the last reload failed${present}: ${this.discarded.message}`;
  }
}
