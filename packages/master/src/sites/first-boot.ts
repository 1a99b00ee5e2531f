// The end of a site's first boot, which several may wait for: published, or failed with an error.
import type { WireError } from '@vhostd/protocol';

export class FirstBoot {
  /** Resolves with nothing once the site is published, or with why it is not. */
  readonly outcome: Promise<WireError | undefined>;
  #settle: (error: WireError | undefined) => void = nothing;
  #settled = false;

  constructor() {
    this.outcome = new Promise((resolve) => {
      this.#settle = resolve;
    });
  }

  /** Whether it is still at work. */
  get open(): boolean {
    return !this.#settled;
  }

  /** The first word counts. */
  settle(error: WireError | undefined): void {
    this.#settled = true;
    this.#settle(error);
  }
}

function nothing(): void {
  // replaced before anyone can call it
}
