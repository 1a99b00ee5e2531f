// The conf updates of one site's workers, one after the other: each has a turn of the event loop of its own, and all of
// them together take no more than the site's share of this process's time.
import { setImmediate as nextTurn, setTimeout as delay } from 'node:timers/promises';
import { VhostError } from '@vhostd/protocol';
import type { ReadingShare } from '@vhostd/transport';

export class UpdateTurns {
  readonly #share: ReadingShare;
  #last: Promise<unknown> = Promise.resolve();
  #count = 0;

  constructor(share: ReadingShare) {
    this.#share = share;
  }

  /**
   * Runs an update when it is its turn; where its worker has `gone` by then, the update is dropped.
   * @throws {VhostError} ERR_CALL_TOO_MANY; or what `work` throws.
   */
  async run<T>(params: unknown, gone: AbortSignal, work: () => Promise<T>): Promise<T> {
    if (this.#count >= WAITING_MAX_COUNT) {
      throw new VhostError(
        'ERR_CALL_TOO_MANY',
        `${WAITING_MAX_COUNT} updates of the site wait for their turn`,
        {
          info: { limit: WAITING_MAX_COUNT },
        },
      );
    }
    this.#count += 1;
    const turn = this.#last.then(() => this.#turn(gone, work));
    this.#last = turn.then(
      () => this.#pay(params),
      () => this.#pay(params),
    );
    return await turn;
  }

  async #turn<T>(gone: AbortSignal, work: () => Promise<T>): Promise<T> {
    await nextTurn();
    if (gone.aborted) throw new VhostError('ERR_CALL_LOST', 'its worker is gone');
    return await work();
  }

  /** Resolves when the next one may have its turn. What an update takes is estimated: most of it happens elsewhere. */
  async #pay(params: unknown): Promise<void> {
    this.#count -= 1;
    const pauseMs = this.#share.charge(UPDATE_MS + entryCountOf(params) * ENTRY_MS, performance.now());
    if (pauseMs > 0) await delay(pauseMs);
  }
}

function entryCountOf(params: unknown): number {
  if (typeof params !== 'object' || params === null || !('listen' in params)) return 0;
  return Array.isArray(params.listen) ? params.listen.length : 0;
}

/** Each worker sends one at a time, and a site has as many workers at most. */
const WAITING_MAX_COUNT = 1024;
/** What an update takes of this process's time, generously, ms; and what each of its listen entries adds. */
const UPDATE_MS = 2;
const ENTRY_MS = 0.05;
