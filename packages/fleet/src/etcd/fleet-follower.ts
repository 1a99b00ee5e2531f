// Follows the keys of a fleet: all of them, then what happens behind that revision, and all of them again where a part was
// or may have been forgotten, or a stream says nothing of what is written.
import { setTimeout as delay } from 'node:timers/promises';
import type { Change, EtcdClient } from './etcd-client.js';

/** What a {@link FleetFollower} tells. */
export interface FollowerEvents {
  readonly onSnapshot: (entries: ReadonlyMap<string, string>, revision: string) => void;
  readonly onChanges: (changes: readonly Change[], revision: string) => void;
  /** It is tried again. */
  readonly onLost: (message: string) => void;
}

export class FleetFollower {
  readonly #store: EtcdClient;
  readonly #prefix: string;
  readonly #events: FollowerEvents;
  readonly #lookMs: number;
  #ended = false;
  /** Ends what is waited for now. */
  #stop = new AbortController();

  /** `lookMs`: how often a stream is looked after. Default 2 s. */
  constructor(store: EtcdClient, prefix: string, events: FollowerEvents, lookMs: number = LOOK_MS) {
    this.#store = store;
    this.#prefix = `${prefix}/`;
    this.#events = events;
    this.#lookMs = lookMs;
  }

  /** Resolves behind {@link end}. */
  async run(): Promise<void> {
    for (let failures = 0; !this.#ended;) {
      try {
        const { entries, revision } = await this.#store.range(this.#prefix);
        failures = 0;
        if (this.#ended) return;
        this.#events.onSnapshot(entries, revision);
        await this.#follow(revision);
      } catch (error) {
        if (this.#ended) return;
        this.#events.onLost(error instanceof Error ? error.message : String(error));
        this.#stop = new AbortController();
        await rest(Math.min(RETRY_CAP_MS, RETRY_BASE_MS * 2 ** failures++), this.#stop.signal);
      }
    }
  }

  end(): void {
    this.#ended = true;
    this.#stop.abort();
  }

  /** Until the stream ends, or has to. */
  async #follow(from: string): Promise<void> {
    const stop = new AbortController();
    this.#stop = stop;
    const seen = { revision: from };
    const look = this.#lookAfter(seen, stop);
    try {
      for await (const message of this.#store.watch(this.#prefix, from, stop.signal)) {
        if (message.kind === 'cancelled') return;
        if (message.changes.length === 0) continue;
        seen.revision = message.revision;
        this.#events.onChanges(message.changes, message.revision);
      }
    } catch (error) {
      if (stop.signal.reason === FORGOTTEN) return;
      // What a stream says that was ended here is not why.
      throw stop.signal.aborted ? stop.signal.reason : error;
    } finally {
      stop.abort(new Error('the stream has ended'));
      await look;
    }
  }

  /**
   * Ends a stream whose store does not answer, or that was silent twice about what is written, or may have left something
   * out: etcd before 3.4.31 and 3.5.13 lets one go on that is behind what a compaction forgets.
   */
  async #lookAfter(seen: { readonly revision: string }, stop: AbortController): Promise<void> {
    let before = seen.revision;
    for (let silences = 0; ;) {
      await rest(this.#lookMs, stop.signal);
      if (stop.signal.aborted) return;
      const { revision } = seen;
      try {
        if (await this.#store.isForgotten(this.#prefix, before)) return stop.abort(FORGOTTEN);
        before = revision;
        const isBehind = await this.#store.isWrittenSince(this.#prefix, revision);
        silences = isBehind && seen.revision === revision ? silences + 1 : 0;
        if (silences < 2) continue;
        this.#store.next();
        stop.abort(new Error('the stream of the store hangs'));
      } catch (error) {
        stop.abort(error instanceof Error ? error : new Error(String(error)));
      }
    }
  }
}

async function rest(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => undefined);
}

const FORGOTTEN = new Error('the store has forgotten what was told last');
const LOOK_MS = 2000;
const RETRY_BASE_MS = 200;
const RETRY_CAP_MS = 3000;
