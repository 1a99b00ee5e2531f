// Connections in batches, where this worker was started with a way for them: what takes them is loaded when it pays, or
// is wished for, so that a site which has few new connections has neither the time nor the memory of it.
import { BatchReceiver, nativeCalls } from '@vhostd/transport';
import type { BatchOffer, Frame } from '@vhostd/transport';

/** Whose connections they are. */
export interface BatchOwner {
  /** Tells the master; resolves with whether it sends batches from now on. */
  ask(): Promise<boolean>;
  /** Gets each connection, which this process has claimed. */
  onConnection(frame: Frame): void;
}

export class Batches {
  readonly #offer: BatchOffer | undefined;
  readonly #owner: BatchOwner;
  #receiver: BatchReceiver | undefined;
  #isAsked = false;
  #isClosed = false;
  #count = 0;
  #sinceMs = 0;

  constructor(offer: BatchOffer | undefined, owner: BatchOwner) {
    this.#offer = offer;
    this.#owner = owner;
  }

  /** The site is ready. */
  begin(): void {
    if (this.#offer?.wish === 'always') this.#open();
  }

  /** A connection has come in another way. */
  note(): void {
    if (this.#offer === undefined || this.#isAsked) return;
    this.#count += 1;
    if (this.#count < BUSY_COUNT) return;
    const nowMs = performance.now();
    const passedMs = nowMs - this.#sinceMs;
    this.#count = 0;
    this.#sinceMs = nowMs;
    if (passedMs < BUSY_MS) this.#open();
  }

  /** The master is gone: takes what it has left. */
  takeRest(): void {
    this.#receiver?.takeRest();
  }

  /** Takes nothing more. */
  close(): void {
    this.#isClosed = true;
    this.#receiver?.close();
  }

  #open(): void {
    if (this.#offer === undefined || this.#isAsked || this.#isClosed) return;
    this.#isAsked = true;
    const { fds } = this.#offer;
    // A process may be forbidden to load libraries.
    const calls = nativeCalls();
    if (calls === undefined) return;
    this.#ask(new BatchReceiver(fds, calls.batches, (frame) => this.#owner.onConnection(frame))).catch(
      () => undefined,
    );
  }

  async #ask(receiver: BatchReceiver): Promise<void> {
    this.#receiver = receiver;
    if ((await this.#owner.ask()) && !this.#isClosed) receiver.start();
  }
}

/** It pays where so many connections come within so many ms. */
const BUSY_COUNT = 100;
const BUSY_MS = 1000;
