// The keys of the conf for a site's server that ends TLS itself and has none in its code.
import type { Server as TlsServer } from 'node:tls';
import { optionsOf, setSni } from '../node/secure-server.js';
import type { SecureEntry } from './secure-contexts.js';
import { SecureContexts } from './secure-contexts.js';

export class OwnTls {
  readonly #server: TlsServer;
  #contexts: SecureContexts | undefined;
  #staged: SecureContexts | undefined;

  constructor(server: TlsServer) {
    this.#server = server;
    setSni(server, (name) => this.#contexts?.find(name) ?? this.#staged?.find(name));
  }

  /**
   * Takes new entries on trial, until {@link commit} or {@link discard}: for names that the entries in force have
   * nothing for.
   * @throws {VhostError} ERR_TLS_KEY for a key or certificate that cannot be used: then nothing has changed.
   */
  stage(entries: readonly SecureEntry[]): void {
    this.#staged = new SecureContexts(entries, optionsOf(this.#server));
  }

  /** Puts the entries on trial into force, if there are any. */
  commit(): void {
    const staged = this.#staged;
    if (staged === undefined) return;
    this.#server.setSecureContext({ ...optionsOf(this.#server), ...staged.fallback });
    this.#contexts = staged;
    this.#staged = undefined;
  }

  /** Forgets the entries on trial. */
  discard(): void {
    this.#staged = undefined;
  }
}
