// Tells the machines of the fleet how far this edge is: one key under a lease of its own, which ends with the edge.
import { Deferred } from '@vhostd/transport';
import type { EtcdClient } from '../etcd/etcd-client.js';
import type { EdgeRecord } from '../layout.js';

/** Where to tell it. */
export interface EdgeRegistrationOptions {
  readonly store: EtcdClient;
  readonly key: string;
  /** Life of the lease, and how often it is kept alive. Default 10 s and 3 s. */
  readonly leaseTtlS?: number;
  readonly keepAliveMs?: number;
}

export class EdgeRegistration {
  readonly #options: EdgeRegistrationOptions;
  #wanted: string | undefined;
  #stored: string | undefined;
  #lease: string | undefined;
  #keepAliveAtMs = 0;
  #ended = false;
  /** Resolved when there is something to do. */
  #wake = new Deferred<void>();

  constructor(options: EdgeRegistrationOptions) {
    this.#options = options;
  }

  /** From now on the store is to have this; undefined: nothing is written until it is known again. */
  tell(record: EdgeRecord | undefined): void {
    this.#wanted = record === undefined ? undefined : JSON.stringify(record);
    this.#wake.resolve();
  }

  /** Resolves behind {@link end}, when the key has gone or the store could not be told. */
  async run(): Promise<void> {
    while (!this.#ended) {
      this.#wake = new Deferred();
      let restMs = this.#keepAliveMs;
      try {
        await this.#step();
      } catch {
        // The one who follows the store says that it does not answer.
        restMs = RETRY_MS;
      }
      const timer = setTimeout(() => this.#wake.resolve(), restMs);
      if (!this.#ended) await this.#wake.promise;
      clearTimeout(timer);
    }
    if (this.#lease !== undefined) await this.#options.store.revoke(this.#lease).catch(() => undefined);
  }

  end(): void {
    this.#ended = true;
    this.#wake.resolve();
  }

  async #step(): Promise<void> {
    const { store, key, leaseTtlS = LEASE_TTL_S } = this.#options;
    if (this.#lease !== undefined && performance.now() >= this.#keepAliveAtMs) {
      if (await store.keepAlive(this.#lease)) this.#keepAliveAtMs = performance.now() + this.#keepAliveMs;
      else this.#lease = this.#stored = undefined;
    }
    const value = this.#wanted;
    if (value === undefined || value === this.#stored) return;
    if (this.#lease === undefined) {
      this.#lease = await store.grant(leaseTtlS);
      this.#keepAliveAtMs = performance.now() + this.#keepAliveMs;
    }
    await store.commit([{ key, value }], this.#lease);
    this.#stored = value;
  }

  get #keepAliveMs(): number {
    return this.#options.keepAliveMs ?? KEEP_ALIVE_MS;
  }
}

const LEASE_TTL_S = 10;
const KEEP_ALIVE_MS = 3000;
const RETRY_MS = 1000;
