// The first boot of a site: waits until the sites that it depends on are published, then for a worker of its own.
// Several may wait for its end: published, or failed with an error, which the site may still recover from.
import type { WireError } from '@vhostd/protocol';

/** How a site stands, for those that depend on it. */
export interface Standing {
  siteId: string;
  published: boolean;
  /** Why it can't be expected to be published soon. */
  failure?: WireError;
}

export interface FirstBootHost {
  /** How the sites stand that this one depends on. */
  dependencies(): Standing[];
  /** Starts the first worker. */
  start(): void;
}

export class FirstBoot {
  readonly #host: FirstBootHost;
  #phase: 'idle' | 'waiting' | 'started' = 'idle';
  #end: End = new End();
  #failure: WireError | undefined;
  #failedStartCount = 0;

  constructor(host: FirstBootHost) {
    this.#host = host;
  }

  /** Whether the first worker has been started. */
  get started(): boolean {
    return this.#phase === 'started';
  }

  /** Whether its end is still awaited. */
  get open(): boolean {
    return this.started && !this.#end.isReached;
  }

  /** Whether it waits for other sites. */
  get waiting(): boolean {
    return this.#phase === 'waiting';
  }

  /** Why it can't be expected to come up soon, as has been told to those who waited. */
  get failure(): WireError | undefined {
    return this.#failure;
  }

  /** Resolves with nothing once the site is published, or with why it is not. */
  get outcome(): Promise<WireError | undefined> {
    return this.#end.reached;
  }

  /** The sites that it still waits for. */
  waitsFor(): string[] {
    if (!this.waiting) return [];
    return this.#host.dependencies().flatMap(({ siteId, published }) => (published ? [] : [siteId]));
  }

  /** Starts the site as soon as may be. */
  begin(): Promise<WireError | undefined> {
    if (!this.started) {
      // A failure to get this far has been told; now it is tried again.
      if (this.#end.isReached) this.#end = new End();
      this.#phase = 'waiting';
      this.look();
    }
    return this.outcome;
  }

  /** Boots once more: the site has no workers any more. */
  again(): void {
    this.#end = new End();
    this.#failure = undefined;
    this.#failedStartCount = 0;
  }

  /** Another site has changed. */
  look(): void {
    if (!this.waiting) return;
    const missing = this.#host.dependencies().filter(({ published }) => !published);
    const failed = missing.find(({ failure }) => failure !== undefined);
    this.#failure = failed?.failure && waitsInVain(failed.siteId, failed.failure);
    if (missing.length > 0) {
      if (this.#failure !== undefined) this.#end.reach(this.#failure);
      return;
    }
    this.#phase = 'started';
    if (this.#end.isReached) this.#end = new End();
    this.#host.start();
  }

  /** A start failed; the restart policy goes on trying. `slow`: it took so long that this is told at once. */
  onFailedStart(failure: WireError, slow: boolean): void {
    this.#failedStartCount += 1;
    if (slow || this.#failedStartCount >= FAILED_STARTS_TOLD) this.fail(failure);
  }

  fail(failure: WireError): void {
    this.#failure = failure;
    this.#end.reach(failure);
  }

  /** It is published. Whoever asks from now on is told so, whatever had been told before. */
  succeed(): void {
    this.#failure = undefined;
    if (this.#end.isReached) this.#end = new End();
    this.#end.reach(undefined);
  }

  /** It will not be: the site is being stopped. */
  cancel(why: WireError): void {
    if (this.waiting) this.#phase = 'idle';
    this.#end.reach(why);
  }
}

/** An end that is reached once: the first word counts. */
class End {
  readonly reached: Promise<WireError | undefined>;
  isReached = false;
  #resolve: (error: WireError | undefined) => void = () => undefined;

  constructor() {
    this.reached = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  reach(error: WireError | undefined): void {
    this.isReached = true;
    this.#resolve(error);
  }
}

function waitsInVain(siteId: string, { message }: WireError): WireError {
  return { code: 'ERR_SITE_WAITS', message: `it waits for site ${siteId}, which has failed: ${message}` };
}

/** Failed starts in a row after which a site counts as failed for whoever waits for its first boot. */
const FAILED_STARTS_TOLD = 3;
