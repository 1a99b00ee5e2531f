// How long a server of second choice waits for another one: while something is under way in the process that may let
// another one listen, and no longer than its limit.

export interface GraceOptions {
  /** What is under way, as `process.getActiveResourcesInfo` tells it. */
  active?: () => string[];
}

export class Grace {
  readonly #active: () => string[];
  /** What has been there before the site's code. */
  readonly #before: ReadonlyMap<string, number>;
  #timer: NodeJS.Timeout | undefined;

  /** Called before the site's code is loaded. */
  constructor({ active = () => process.getActiveResourcesInfo() }: GraceOptions = {}) {
    this.#active = active;
    this.#before = countsOf(active());
  }

  /** Calls `onEnd` once the grace is over, with whether nothing is under way. One that has begun is left as it is. */
  begin(onEnd: (quiet: boolean) => void): void {
    if (this.#timer !== undefined) return;
    let lookCount = 0;
    let quietCount = 0;
    const look = (): void => {
      lookCount += 1;
      quietCount = this.#isQuiet() ? quietCount + 1 : 0;
      const quiet = quietCount >= QUIET_LOOK_COUNT;
      if (!quiet && lookCount < LOOK_MAX_COUNT) return this.#lookSoon(look);
      this.end();
      onEnd(quiet);
    };
    this.#lookSoon(look);
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #lookSoon(look: () => void): void {
    this.#timer = setTimeout(look, LOOK_MS);
    // It does not count as under way itself.
    this.#timer.unref();
  }

  /** Whether nothing is under way: no timer, no file, no name that is looked up, no connection, no child. */
  #isQuiet(): boolean {
    for (const [name, count] of countsOf(this.#active())) {
      if (count > (this.#before.get(name) ?? 0)) return false;
    }
    return true;
  }
}

function countsOf(names: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return counts;
}

/**
 * Looks are counted and not milliseconds: code that blocks the event loop is under way, too. What Node does in its
 * threads (crypto, zlib) and its DNS queries do not show, so the process has to be quiet for longer than they take.
 */
const LOOK_MS = 20;
const QUIET_LOOK_COUNT = 15;
/** 2 s: an app with a pool of connections, or with an interval, is never quiet. */
const LOOK_MAX_COUNT = 100;
