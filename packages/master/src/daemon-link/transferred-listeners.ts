// Bound sockets that the daemon pushed ahead, for the case that it is dead when the master asks for them.
import { findCovering, toKeyedAddress } from '@vhostd/protocol';
import type { AcquiredListener } from '@vhostd/protocol';
import type { NativeHandle } from '@vhostd/transport';

/** A bound socket with what names it. */
export type BoundSocket = AcquiredListener & { handle: NativeHandle };

export class TransferredListeners {
  readonly #byKey = new Map<string, BoundSocket>();
  #expiry: NodeJS.Timeout | undefined;

  /** Takes one in, which is closed by itself when nobody takes it out for a while. */
  add(listener: AcquiredListener, handle: NativeHandle): void {
    this.#byKey.get(listener.key)?.handle.close();
    this.#byKey.set(listener.key, { ...listener, handle });
    clearTimeout(this.#expiry);
    this.#expiry = setTimeout(() => this.clear(), KEPT_MS).unref();
  }

  /** The socket that a request means, or one that covers it. The caller owns its handle. */
  take(request: { ipaddress?: string; port: number; udp?: true }): BoundSocket | undefined {
    const found = findCovering(this.#byKey.values(), toKeyedAddress(request));
    if (found !== undefined) this.#byKey.delete(found.key);
    return found;
  }

  /** Those that nobody has taken out. */
  list(): BoundSocket[] {
    return [...this.#byKey.values()];
  }

  clear(): void {
    clearTimeout(this.#expiry);
    for (const { handle } of this.#byKey.values()) handle.close();
    this.#byKey.clear();
  }
}

/** As long as a daemon keeps an address that no master claims, ms. */
const KEPT_MS = 10_000;
