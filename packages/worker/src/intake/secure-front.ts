// TLS for a site whose own server speaks plain HTTP: ends TLS in this process with the keys of the site's 'ssl'
// entries and gives the decrypted connections to the site's server, which treats them like all its others.
import type { Server as HttpServer } from 'node:http';
import { createServer } from 'node:tls';
import type { Server as TlsServer, TLSSocket } from 'node:tls';
import type { ConnectionAccount, TcpHandle } from '../node/native-handle.js';
import { accountOf, borrowAccounting, chargeTo } from '../node/native-handle.js';
import type { AdoptedServer, Around, OnAccepted } from './adopt-server.js';
import { adoptServer } from './adopt-server.js';
import { setSni, useContexts } from '../node/secure-server.js';
import type { SecureEntry } from '../tls/secure-contexts.js';
import { SecureKeys } from '../tls/secure-keys.js';
import type { SecureKeysOptions } from '../tls/secure-keys.js';

/**
 * Creates the TLS side of `server`, which must be listening (adopted or not) for connections to be taken.
 *
 * The server's listeners, limits, timeouts and `close*` methods apply to the secure connections as to the plain
 * ones, since its own code runs them: `req.socket` is a TLSSocket, 'connection' is emitted with it once the
 * handshake is done, a failed handshake is a 'clientError' as with https. `getConnections`, `maxConnections` and
 * the wait of `close` count secure connections from their first byte on. The handshake may last 120 s (Node's
 * default); ALPN offers http/1.1.
 *
 * @throws {VhostError} ERR_TLS_KEY for a key or certificate that cannot be used, ERR_TLS_DEMANDS.
 */
export function createSecureFront(
  server: HttpServer,
  entries: readonly SecureEntry[],
  options: SecureKeysOptions = {},
): SecureFront {
  const keys = new SecureKeys(options);
  keys.stage(entries);
  return new SecureFront(server, keys);
}

/** Ends TLS in front of a plain HTTP server. */
export class SecureFront {
  /** Those that it ends TLS with. */
  readonly keys: SecureKeys;
  readonly #tls: TlsServer;
  readonly #intake: AdoptedServer;
  readonly #account: ConnectionAccount;
  #count = 0;

  /** Keys that are on trial are in force from now on. */
  constructor(server: HttpServer, keys: SecureKeys) {
    this.keys = keys;
    this.#account = accountOf(server, () => {
      this.#count--;
    });
    this.#tls = createServer({
      ALPNProtocols: ['http/1.1'],
      SNICallback: (name, callback) => callback(null, keys.find(name)),
    });
    keys.onChange = (contexts) => useContexts(this.#tls, contexts);
    keys.onNames = (find) => void setSni(this.#tls, find);
    keys.commit();
    this.#tls.on('drop', (data) => server.emit('drop', data));
    this.#tls.on('secureConnection', (socket: TLSSocket) => server.emit('connection', socket));
    this.#tls.on('tlsClientError', (error: Error, socket: TLSSocket) => {
      if (!server.emit('clientError', error, socket)) socket.destroy(error);
    });
    // Never reported to anyone: `server` has the address.
    this.#intake = adoptServer(this.#tls, {
      address: { address: '::', port: 443, family: 'IPv6' },
      takes: () => server.listening,
      around: () => borrowAccounting(this.#tls, server),
    });
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

  /** The server that ends TLS. */
  get tls(): TlsServer {
    return this.#tls;
  }

  /** Open connections that came in through this front, the handshake included. */
  connectionCount(): number {
    return this.#count;
  }
}
