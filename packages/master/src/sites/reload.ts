// One reload: the next generation boots slot by slot; each new worker is published before the old one of its slot
// is withdrawn, and the last old one stays until all new ones are there. If one fails, the next generation is
// discarded and the old one serves on.
import { toWireError } from '@vhostd/protocol';
import type { ReloadResult, WireError } from '@vhostd/protocol';
import type { Generation } from './generation.js';
import type { Slot } from '../workers/slot.js';

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
  #settling: ((error: WireError | undefined) => void) | undefined;
  #failure: WireError | undefined;
  #done: Promise<WireError | undefined> | undefined;

  /** `settleMs`: how long the first new worker must live after it is ready before it is published. */
  constructor(previous: Generation, next: Generation, host: ReloadHost, { settleMs }: { settleMs: number }) {
    this.#settleMs = settleMs;
    this.previous = previous;
    this.next = next;
    this.#host = host;
  }

  /** The slots that may be given connections: those of the old generation, and new ones as they are published. */
  serving(): Slot[] {
    return [...this.previous.slots.filter((slot) => !this.#retired.has(slot)), ...this.#published];
  }

  /** Runs it, once. Resolves with why the next generation was discarded, or with nothing. */
  run(): Promise<WireError | undefined> {
    this.#done ??= this.#replace();
    return this.#done;
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
  onExit(error: WireError): void {
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
    const died = index === 0 ? await this.#settle() : undefined;
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
    const old = this.previous.slots.filter((other) => !this.#retired.has(other));
    const replaced = old.find((other) => other.slot === index);
    // Were the next generation discarded when no old worker is left, nobody would serve.
    if (replaced !== undefined && old.length > 1) this.#retire(replaced);
    return undefined;
  }

  #settle(): Promise<WireError | undefined> {
    return new Promise((resolve) => {
      const end = (error: WireError | undefined): void => {
        clearTimeout(timer);
        this.#settling = undefined;
        resolve(error);
      };
      const timer = setTimeout(end, this.#settleMs, undefined);
      this.#settling = end;
      if (this.#failure !== undefined) end(this.#failure);
    });
  }

  #fail(error: WireError): void {
    this.#failure ??= error;
    this.#waiting?.resolve(error);
    this.#waiting = undefined;
    this.#settling?.(error);
  }

  #retire(slot: Slot): void {
    if (this.#retired.has(slot)) return;
    this.#retired.add(slot);
    this.#host.retire(slot);
  }
}
