// The keys of a site's 'ssl' entries: those in force, and those on trial while the master has not said yes to them.
import { Server as HttpServer } from 'node:http';
import type { Server } from 'node:net';
import type { Server as TlsServer } from 'node:tls';
import type { CertificateFacts, ListenRequest } from '@vhostd/protocol';
import type { SecureKeys } from './tls/secure-keys.js';
import type { SecureTerms } from './intake/intake.js';
import type { SecureFront } from './intake/secure-front.js';
import { endsTls } from './node/secure-server.js';
import {
  createFront,
  createOwnKeys,
  createTickets,
  refuseClear,
  secureEntries,
  untilIssued,
  wantsKeys,
} from './secure.js';
import type { SecureHome, SecurePlace } from './secure.js';

/** What is told of a site's TLS. */
export interface SiteKeysEvents {
  /** The TLS side of the site's server, once there is one. */
  onFront: (front: SecureFront) => void;
  /** What its TLS connections must be prepared by. */
  onTerms?: (terms: SecureTerms) => void;
  /** The certificates that are in force are these from now on. */
  onCertificates?: (certificates: readonly CertificateFacts[]) => void;
}

export class SiteKeys {
  readonly #events: SiteKeysEvents;
  readonly #home: SecureHome | undefined;
  /** The conf in force. */
  #listen: readonly ListenRequest[];
  #server: Server | undefined;
  #holder: SecureKeys | undefined;
  /** How many are reported. */
  #certificateCount = 0;
  /** The server whose sessions go on in other workers. */
  #shared: TlsServer | undefined;

  constructor(listen: readonly ListenRequest[], events: SiteKeysEvents, home?: SecureHome) {
    this.#listen = listen;
    this.#events = events;
    this.#home = home;
  }

  /** Sets the site's server, in place of the one before; {@link load} must follow. */
  setServer(server: Server): void {
    if (this.#server === server) return;
    this.#holder?.close();
    this.#holder = undefined;
    this.#server = server;
  }

  /**
   * Reads the keys of the conf in force.
   * @throws {VhostError} ERR_TLS_KEY for a key or certificate that cannot be used.
   */
  async load(): Promise<void> {
    await this.#stage(this.#listen);
    this.#commit();
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
      this.#commit();
      return accepted;
    } catch (error) {
      this.#holder?.discard();
      throw error;
    }
  }

  /** This process has stood still: what is in the files by now is in force before the next connection. */
  goOn(): void {
    this.#holder?.lookNow();
  }

  #commit(): void {
    this.#holder?.commit();
    const isUsed = this.#holder !== undefined && isSecure(this.#listen);
    if (!isUsed && this.#certificateCount > 0) this.#tell([]);
  }

  #tell(certificates: readonly CertificateFacts[]): void {
    this.#certificateCount = certificates.length;
    this.#events.onCertificates?.(certificates);
  }

  async #stage(listen: readonly ListenRequest[]): Promise<void> {
    const server = this.#server;
    if (server !== undefined && endsTls(server)) refuseClear(listen);
    if (server === undefined || !isSecure(listen)) return;
    if (endsTls(server)) await this.#share(server);
    // With keys of the conf it has some.
    if (this.#holder === undefined && !wantsKeys(server)) return;
    const entries = secureEntries(listen, this.#home);
    await untilIssued(entries);
    const place: SecurePlace = { home: this.#home, onCertificates: (all) => this.#tell(all) };
    if (this.#holder !== undefined) return this.#holder.stage(entries);
    if (endsTls(server)) {
      this.#holder = await createOwnKeys(server, entries, place);
    } else if (server instanceof HttpServer) {
      const front = await createFront(server, entries, place);
      this.#holder = front.keys;
      await this.#share(front.tls);
      this.#events.onFront(front);
    }
  }

  /** Lets sessions go on in other workers. */
  async #share(server: TlsServer): Promise<void> {
    if (this.#home === undefined || server === this.#shared) return;
    this.#shared = server;
    this.#events.onTerms?.(await createTickets(server, this.#home));
  }
}

function isSecure(listen: readonly ListenRequest[]): boolean {
  return listen.some(({ type }) => type === 'ssl');
}
