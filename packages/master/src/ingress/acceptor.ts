// The way of a connection through the master: listener → peek → route → site, or a refusal.
import type { MaintenancePage, MasterCounts } from '@vhostd/protocol';
import type { NativeHandle } from '@vhostd/transport';
import type { Connection, Origin } from './connection.js';
import type { Listener, ListenerEvents } from '../listeners/listener.js';
import { Peeking } from './peeking.js';
import { refuse } from './refuse.js';
import type { Limits } from '../conf/site-conf.js';
import { refusal } from '../peek/refusal.js';
import type { RefusalOptions } from '../peek/refusal.js';
import { REFUSAL_STATUSES } from '../peek/refusal-reason.js';
import type { RefusalReason } from '../peek/refusal-reason.js';
import { tlsAlert } from '../peek/tls-alert.js';

/** Where a routed connection goes. */
export interface ReceptionHost {
  /** The site of a host on a listener. */
  lookup(listenerKey: string, host: string | null): { serve(connection: Connection): void } | undefined;
  /** The listener of a connection that a worker handed back. */
  listenerOf(connection: Connection): Listener | undefined;
  onAcceptError(listener: Listener, errno: number): void;
  onListenerError(listener: Listener, error: Error): void;
  onRefused(listener: Origin, status: number, reason: RefusalReason): void;
}

export class Reception implements ListenerEvents {
  readonly counts: MasterCounts = {
    accepted: 0,
    handedOff: 0,
    handedOffAgain: 0,
    handedBack: 0,
    refused: {},
    refusedReasons: {},
    violations: 0,
  };
  readonly #host: ReceptionHost;
  readonly #peeking: Peeking;

  constructor(limits: Limits, host: ReceptionHost) {
    this.#host = host;
    this.#peeking = new Peeking(limits, {
      onRouted: (connection) => this.route(connection),
      onRefused: (handle, listener, { reason, head }) => this.#refuse({ handle, listener, head }, reason),
    });
  }

  setLimits(limits: Limits): void {
    this.#peeking.setLimits(limits);
  }

  onConnection(listener: Listener, connection: NativeHandle): void {
    this.counts.accepted += 1;
    this.#peeking.add(connection, listener);
  }

  /** Routes a connection that a worker handed back by the request that its bytes begin with. */
  accept(connection: Connection): void {
    const listener = this.#host.listenerOf(connection);
    if (listener === undefined) return this.#refuse(connection, 'no-site');
    if (listener.secure) return connection.handle.close();
    this.#peeking.resume(connection.handle, listener, Buffer.from(connection.head, 'latin1'));
  }

  onAcceptError(listener: Listener, errno: number): void {
    this.#host.onAcceptError(listener, errno);
  }

  onError(listener: Listener, error: Error): void {
    this.#host.onListenerError(listener, error);
  }

  /** Gives a connection whose host is known to its site. */
  route(connection: Connection): void {
    const site = this.#host.lookup(connection.listener.key, connection.host);
    if (site !== undefined) return site.serve(connection);
    this.#refuse(connection, 'no-site');
  }

  /** Ends a connection whose site cannot serve it; `page`: the site is in maintenance. */
  giveUp(connection: Connection, page?: MaintenancePage): void {
    const reason = page === undefined ? 'no-worker' : 'maintenance';
    this.#refuse(connection, reason, page ?? { retryAfterSeconds: RETRY_AFTER_S });
  }

  /** Connections whose first bytes are waited for. */
  get peekingCount(): number {
    return this.#peeking.count;
  }

  /** Ends what is still being peeked. */
  close(): void {
    this.#peeking.close();
  }

  #refuse({ handle, listener, head }: Refused, reason: RefusalReason, options?: RefusalOptions): void {
    this.#count(listener, reason);
    const answer = answerOf(listener, reason, { ...options, request: head });
    if (answer === null) handle.close();
    else refuse(handle, answer);
  }

  #count(listener: Origin, reason: RefusalReason): void {
    const status = REFUSAL_STATUSES[reason];
    const { refused, refusedReasons } = this.counts;
    refused[status] = (refused[status] ?? 0) + 1;
    refusedReasons[reason] = (refusedReasons[reason] ?? 0) + 1;
    this.#host.onRefused(listener, status, reason);
  }
}

/** What a refusal is about. */
interface Refused extends Pick<Connection, 'handle' | 'listener'> {
  readonly head: Buffer | string;
}

/** The last bytes to a client; null where it is left without a word. */
function answerOf(listener: Origin, reason: RefusalReason, options: RefusalOptions): Buffer | null {
  if (reason === 'silent') return null;
  // Of a TLS client that speaks no TLS, only one that speaks HTTP can read an answer.
  if (listener.secure && reason !== 'http-on-tls-port') return tlsAlert(reason);
  return refusal(REFUSAL_STATUSES[reason], options);
}

/** When a client may try a site again that has no worker, s. */
const RETRY_AFTER_S = 1;
