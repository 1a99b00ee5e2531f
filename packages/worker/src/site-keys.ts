// The keys of a site's 'ssl' entries: those in force, and those on trial while the master has not said yes to them.
import type { Server } from 'node:net';
import type { ListenRequest } from '@vhostd/protocol';
import type { SecureFront } from './intake/secure-front.js';
import { createSecureSide, secureEntries } from './secure.js';

export class SiteKeys {
  readonly #onFront: (front: SecureFront) => void;
  /** The conf in force. */
  #listen: readonly ListenRequest[];
  #server: Server | undefined;
  #front: SecureFront | undefined;

  /** `onFront` gets the TLS side of the site's server once there is one. */
  constructor(listen: readonly ListenRequest[], onFront: (front: SecureFront) => void) {
    this.#listen = listen;
    this.#onFront = onFront;
  }

  /** Sets the site's server, in place of the one before; {@link load} must follow. */
  setServer(server: Server): void {
    if (this.#server !== server) this.#front = undefined;
    this.#server = server;
  }

  /**
   * Reads the keys of the conf in force.
   * @throws {VhostError} ERR_TLS_KEY for a key or certificate that cannot be used.
   */
  async load(): Promise<void> {
    await this.#stage(this.#listen);
    this.#front?.commit();
  }

  /**
   * Changes the conf: while `accept` has not settled, clients get the keys of both; then those of the new one, or
   * of the old one where it rejects. Not to be called again before that.
   * @throws {VhostError} ERR_TLS_KEY; and what `accept` rejects with. Nothing has changed then.
   */
  async change<T>(listen: readonly ListenRequest[], accept: () => Promise<T>): Promise<T> {
    await this.#stage(listen);
    try {
      const accepted = await accept();
      this.#listen = listen;
      this.#front?.commit();
      return accepted;
    } catch (error) {
      this.#front?.discard();
      throw error;
    }
  }

  async #stage(listen: readonly ListenRequest[]): Promise<void> {
    const entries = secureEntries(listen);
    if (entries.length === 0 || this.#server === undefined) return;
    if (this.#front !== undefined) return this.#front.stage(entries);
    this.#front = await createSecureSide(this.#server, entries);
    if (this.#front !== undefined) this.#onFront(this.#front);
  }
}
