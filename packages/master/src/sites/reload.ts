// One reload: the next generation boots slot by slot; each new worker is published before the old one of its slot
// is withdrawn. If one fails, the next generation is discarded and what is left of the old one serves on.
import { toWireError } from '@vhostd/protocol';
import type { ReloadResult, WireError } from '@vhostd/protocol';
import type { Generation } from './generation.js';
import type { Slot } from './slot.js';

/** What a reload came to. */
export type ReloadOutcome = ReloadResult['sites'][number];

export interface ReloadHost {
  /** How many workers the next generation is to have, as far as is known now. */
  count(): number;
  /** Puts the next generation's conf into force. Rejects when it can't be had. */
  commit(): Promise<void>;
  /** Puts the conf back that was in force before. Never rejects. */
  rollBack(): Promise<void>;
  /** Withdraws a slot and lets it drain. */
  retire(slot: Slot): void;
  /** A new worker may be given connections. */
  onSlotPublished(): void;
  /** The reload is over: with an error when the next generation was discarded. */
  onEnd(error: WireError | undefined): void;
}

export class Reload {
  readonly previous: Generation;
  readonly next: Generation;
  readonly #host: ReloadHost;
  readonly #settleMs: number;
  readonly #published = new Set<Slot>();
  readonly #retired = new Set<Slot>();
  #committed = false;
  #waiting: { slot: Slot; resolve: (error: WireError | undefined) => void } | undefined;
  #settling: { slot: Slot; resolve: (error: WireError | undefined) => void } | undefined;
  #failure: WireError | undefined;
  #following: Promise<ReloadOutcome> | undefined;
  #done: Promise<WireError | undefined> = Promise.resolve(undefined);

  /** `settleMs`: how long the first new worker must live after it is ready before it is published. Default 1000. */
  constructor(
    previous: Generation,
    next: Generation,
    host: ReloadHost,
    { settleMs = 1000 }: { settleMs?: number } = {},
  ) {
    this.#settleMs = settleMs;
    this.previous = previous;
    this.next = next;
    this.#host = host;
  }

  /** Whether the next generation's conf is in force. */
  get published(): boolean {
    return this.#committed;
  }

  /** The slots that may be given connections: those of the old generation, and new ones as they are published. */
  serving(): Slot[] {
    return [...this.previous.slots.filter((slot) => !this.#retired.has(slot)), ...this.#published];
  }

  /** Resolves with why the next generation was discarded, or with nothing. */
  run(): Promise<WireError | undefined> {
    this.#done = this.#replace();
    return this.#done;
  }

  /** One more reload behind this one: the same for all that ask. */
  followedBy(start: () => Promise<ReloadOutcome>): Promise<ReloadOutcome> {
    this.#following ??= this.#done.then(start);
    return this.#following;
  }

  /** Ends it as if the next generation had failed. */
  cancel(): void {
    this.#fail({ code: 'ERR_RELOAD_CANCELLED', message: 'the site is being stopped' });
  }

  onReady(slot: Slot): void {
    if (this.#waiting?.slot !== slot) return;
    const { resolve } = this.#waiting;
    this.#waiting = undefined;
    resolve(undefined);
  }

  /** A worker of the next generation ended. While the reload lasts that fails it: nothing is restarted. */
  onExit(slot: Slot, error: WireError): void {
    if (this.#waiting?.slot === slot || this.#settling?.slot === slot || this.#published.has(slot))
      this.#fail(error);
  }

  async #replace(): Promise<WireError | undefined> {
    let error: WireError | undefined;
    for (let index = 0; error === undefined && index < Math.max(1, this.#host.count()); index += 1) {
      error = await this.#replaceSlot(index);
    }
    if (error === undefined) {
      for (const slot of this.previous.slots) this.#retire(slot);
      this.previous.slots.length = 0;
    } else {
      if (this.#committed) await this.#host.rollBack();
      for (const slot of this.next.slots.splice(0)) this.#host.retire(slot);
      this.previous.slots.splice(
        0,
        this.previous.slots.length,
        ...this.previous.slots.filter((slot) => !this.#retired.has(slot)),
      );
    }
    this.#host.onEnd(error);
    return error;
  }

  async #replaceSlot(index: number): Promise<WireError | undefined> {
    const slot = this.next.startSlot(index);
    const failed = await new Promise<WireError | undefined>((resolve) => {
      this.#waiting = { slot, resolve };
      if (this.#failure !== undefined) resolve(this.#failure);
    });
    if (failed !== undefined) return failed;
    // The first worker must outlive its first moments before anything changes for it.
    const died = index === 0 ? await this.#settle(slot) : undefined;
    if (died !== undefined) return died;
    if (index === 0) {
      try {
        await this.#host.commit();
      } catch (error) {
        return toWireError(error);
      }
      this.#committed = true;
    }
    if (this.#failure !== undefined) return this.#failure;
    this.#published.add(slot);
    this.#host.onSlotPublished();
    const old = this.previous.slots.find((other) => other.slot === index);
    if (old !== undefined) this.#retire(old);
    return undefined;
  }

  #settle(slot: Slot): Promise<WireError | undefined> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#settling = undefined;
        resolve(undefined);
      }, this.#settleMs);
      this.#settling = {
        slot,
        resolve: (error) => {
          clearTimeout(timer);
          this.#settling = undefined;
          resolve(error);
        },
      };
      if (this.#failure !== undefined) this.#settling.resolve(this.#failure);
    });
  }

  #fail(error: WireError): void {
    this.#failure ??= error;
    this.#waiting?.resolve(error);
    this.#waiting = undefined;
    this.#settling?.resolve(error);
  }

  #retire(slot: Slot): void {
    if (this.#retired.has(slot)) return;
    this.#retired.add(slot);
    this.#host.retire(slot);
  }
}
