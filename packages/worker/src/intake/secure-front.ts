// TLS for a site whose own server speaks plain HTTP: ends TLS in this process with the keys of the site's 'ssl'
// entries and gives the decrypted connections to the site's server, which treats them like all its others.
import type { Server as HttpServer } from 'node:http';
import { createServer } from 'node:tls';
import type { SecureContextOptions, Server as TlsServer, TLSSocket } from 'node:tls';
import type { ConnectionAccount, TcpHandle } from '../node/native-handle.js';
import { accountOf, chargeTo, shareAccounting } from '../node/native-handle.js';
import type { AdoptedServer, Around, OnAccepted } from './adopt-server.js';
import { adoptServer } from './adopt-server.js';
import type { SecureEntry } from './secure-contexts.js';
import { SecureContexts } from './secure-contexts.js';

/**
 * Creates the TLS side of `server`, which must be listening (adopted or not) for connections to be taken.
 *
 * The server's listeners, limits, timeouts and `close*` methods apply to the secure connections as to the plain
 * ones, since its own code runs them: `req.socket` is a TLSSocket, 'connection' is emitted with it once the
 * handshake is done, a failed handshake is a 'clientError' as with https. `getConnections`, `maxConnections` and
 * the wait of `close` count secure connections from their first byte on. The handshake may last 120 s (Node's
 * default); ALPN offers http/1.1.
 *
 * `base`: what its contexts have beside keys.
 * @throws {VhostError} ERR_TLS_KEY for a key or certificate that cannot be used.
 */
export function createSecureFront(
  server: HttpServer,
  entries: readonly SecureEntry[],
  base: SecureContextOptions = {},
): SecureFront {
  return new SecureFront(server, new SecureContexts(entries, base), base);
}

/** Ends TLS in front of a plain HTTP server. */
export class SecureFront {
  readonly #tls: TlsServer;
  readonly #intake: AdoptedServer;
  readonly #account: ConnectionAccount;
  readonly #base: SecureContextOptions;
  #contexts: SecureContexts;
  #staged: SecureContexts | undefined;
  #count = 0;

  constructor(server: HttpServer, contexts: SecureContexts, base: SecureContextOptions) {
    this.#contexts = contexts;
    this.#base = base;
    this.#account = accountOf(server, () => {
      this.#count--;
    });
    this.#tls = createServer({
      ...base,
      ...contexts.fallback,
      ALPNProtocols: ['http/1.1'],
      SNICallback: (name, callback) => callback(null, this.#contexts.find(name) ?? this.#staged?.find(name)),
    });
    this.#tls.on('drop', (data) => server.emit('drop', data));
    this.#tls.on('secureConnection', (socket: TLSSocket) => server.emit('connection', socket));
    this.#tls.on('tlsClientError', (error: Error, socket: TLSSocket) => {
      if (!server.emit('clientError', error, socket)) socket.destroy(error);
    });
    // Never reported to anyone: `server` has the address.
    this.#intake = adoptServer(this.#tls, {
      address: { address: '::', port: 443, family: 'IPv6' },
      takes: () => server.listening,
    });
    // After the adoption, which watches the count of the server that it adopts.
    shareAccounting(this.#tls, server);
  }

  /**
   * Gives the server a connection whose `head` begins with a ClientHello, or has not sent anything yet. As
   * AdoptedServer.inject; `onAccepted` gets the TCP socket under the TLS one.
   */
  inject(handle: TcpHandle, head: Buffer | undefined, onAccepted?: OnAccepted, around?: Around): void {
    const onSocket: OnAccepted = (socket) => {
      if (socket !== undefined) {
        this.#count++;
        chargeTo(socket, this.#account);
      }
      onAccepted?.(socket);
    };
    this.#intake.inject(handle, head, onSocket, around);
  }

  /**
   * Takes new entries for connections to come; those that exist keep their certificate.
   * @throws {VhostError} ERR_TLS_KEY for a key or certificate that cannot be used: then nothing has changed.
   */
  update(entries: readonly SecureEntry[]): void {
    this.stage(entries);
    this.commit();
  }

  /**
   * Takes new entries on trial, until {@link commit} or {@link discard}: for names that the entries in force have
   * nothing for.
   * @throws {VhostError} ERR_TLS_KEY for a key or certificate that cannot be used: then nothing has changed.
   */
  stage(entries: readonly SecureEntry[]): void {
    this.#staged = new SecureContexts(entries, this.#base);
  }

  /** Puts the entries on trial into force, if there are any. */
  commit(): void {
    const staged = this.#staged;
    if (staged === undefined) return;
    this.#tls.setSecureContext({ ...this.#base, ...staged.fallback });
    this.#contexts = staged;
    this.#staged = undefined;
  }

  /** Forgets the entries on trial. */
  discard(): void {
    this.#staged = undefined;
  }

  /** The server that ends TLS. */
  get tls(): TlsServer {
    return this.#tls;
  }

  /** Open connections that came in through this front, the handshake included. */
  connectionCount(): number {
    return this.#count;
  }
}
