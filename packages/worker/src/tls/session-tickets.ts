// Makes a TLS server use the site's ticket keys, so that a session goes on at another worker, behind a reload and behind an
// upgrade. A server has one key; for a client that comes with a ticket of the day before it is given that one for once.
import { createHash } from 'node:crypto';
import type { SecureContext, Server as TlsServer } from 'node:tls';
import { createSecureContext } from 'node:tls';
import {
  clientPolicyOf,
  contextOptionsOf,
  hasOwnTickets,
  ownSessionIdContext,
  setSessionIdContext,
  setSharedContext,
  sharedContextOf,
} from '../node/secure-server.js';
import type { TicketKeyPair, TicketKeys } from './ticket-keys.js';

export class SessionTickets {
  readonly #server: TlsServer;
  readonly #keys: TicketKeys;
  readonly #siteId: string;
  #context: SecureContext | undefined;
  #pair: TicketKeyPair | undefined;
  #standIn: SecureContext | undefined;

  /** A server whose code has ticket keys of its own keeps these. */
  constructor(server: TlsServer, keys: TicketKeys, siteId: string) {
    this.#server = server;
    this.#keys = keys;
    this.#siteId = siteId;
    this.#renew();
  }

  /** Readies the server for a connection that begins with `hello`; what it returns puts the server back. */
  prepare(hello: Buffer): (() => void) | undefined {
    this.#renew();
    const previous = this.#pair?.previous;
    const context = this.#context;
    // A ticket begins with the name of its key, 16 random bytes (RFC 5077 4): they are nowhere else.
    if (previous === undefined || context === undefined) return undefined;
    if (!hello.includes(previous.subarray(0, KEY_NAME_BYTES))) return undefined;
    this.#standIn ??= createSecureContext({ ...contextOptionsOf(this.#server), ticketKeys: previous });
    setSharedContext(this.#server, this.#standIn);
    return () => setSharedContext(this.#server, context);
  }

  /** Gives the server's present context the keys of today. */
  #renew(): void {
    const server = this.#server;
    if (hasOwnTickets(server)) return;
    const context = sharedContextOf(server);
    const pair = this.#keys.pair();
    if (context === undefined || (context === this.#context && pair === this.#pair)) return;
    this.#context = context;
    this.#pair = pair;
    this.#standIn = undefined;
    if (!ownSessionIdContext(server)) {
      setSessionIdContext(server, context, sessionIdContextOf(this.#siteId, clientPolicyOf(server)));
    }
    server.setTicketKeys(pair.current);
  }
}

/**
 * Whose sessions are good here: those of the same site and of the same demands on clients. Node's own is a hash of the
 * command line, which another release changes.
 */
export function sessionIdContextOf(siteId: string, clientPolicy: unknown[] = []): string {
  const text = JSON.stringify([siteId, clientPolicy]);
  return createHash('sha256').update(text).digest('hex').slice(0, SESSION_ID_CONTEXT_MAX);
}

const KEY_NAME_BYTES = 16;
/** SSL_MAX_SID_CTX_LENGTH of OpenSSL. */
const SESSION_ID_CONTEXT_MAX = 32;
