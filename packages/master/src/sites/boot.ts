// One boot of a site, for those who wait for its end: published, or failed with an error, which the site may still
// recover from.
import type { WireError } from '@vhostd/protocol';
import { Deferred } from '@vhostd/transport';

export class Boot {
  #onDemand = false;
  #end = new Deferred<WireError | undefined>();
  #open = true;
  #failure: WireError | undefined;
  #failedStartCount = 0;

  /** Whether a connection waits for it. */
  get onDemand(): boolean {
    return this.#onDemand;
  }

  /** Whether its end is still awaited. */
  get open(): boolean {
    return this.#open;
  }

  /** Why it can't be expected to come up soon, as has been told to those who waited. */
  get failure(): WireError | undefined {
    return this.#failure;
  }

  /** Resolves with nothing once the site is published, or with why it is not. */
  get outcome(): Promise<WireError | undefined> {
    return this.#end.promise;
  }

  /** Another one, of which nobody who waits for this one is told. */
  restart({ onDemand }: { onDemand: boolean }): void {
    this.#onDemand = onDemand;
    this.#failedStartCount = 0;
    this.#failure = undefined;
    this.#open = true;
    this.#end = new Deferred();
  }

  /** A worker is ready: no connection waits any more. */
  workerReady(): void {
    this.#onDemand = false;
  }

  /** It begins once more: who asks from now on hears of what follows. */
  reopen(): void {
    this.#failure = undefined;
    if (this.#open) return;
    this.#open = true;
    this.#end = new Deferred();
  }

  /** A start failed; the restart policy goes on trying. True: it counts as failed. `slow`: one such start is enough. */
  startFailed(failure: WireError, slow: boolean): boolean {
    this.#failedStartCount += 1;
    if (!slow && this.#failedStartCount < FAILED_STARTS_TOLD) return false;
    this.fail(failure);
    return true;
  }

  /** It failed, or can't begin; undefined: it may begin after all, which nobody is told. */
  fail(failure: WireError | undefined): void {
    this.#failure = failure;
    if (failure !== undefined) this.#settle(failure);
  }

  /** The site is published. Whoever asks from now on is told so, whatever had been told before. */
  succeed(): void {
    this.#onDemand = false;
    this.reopen();
    this.#settle(undefined);
  }

  #settle(error: WireError | undefined): void {
    this.#open = false;
    this.#end.resolve(error);
  }
}

/** Failed starts in a row after which a site counts as failed for whoever waits for its first boot. */
const FAILED_STARTS_TOLD = 3;
