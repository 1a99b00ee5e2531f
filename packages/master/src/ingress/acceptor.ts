// The way of a connection through the master: listener → peek → route → site, or a refusal.
import type { MaintenancePage, MasterCounts } from '@vhostd/protocol';
import type { NativeHandle } from '@vhostd/transport';
import type { Connection, Origin } from './connection.js';
import type { Listener, ListenerEvents } from '../listeners/listener.js';
import { Peeking } from './peeking.js';
import type { PeekRefusal } from './peeking.js';
import { refuse } from './refuse.js';
import type { Limits } from '../conf/site-conf.js';
import { refusal } from '../peek/refusal.js';
import type { RefusalStatus } from '../peek/refusal.js';
import {
  TLS_ALERT_DECODE_ERROR,
  TLS_ALERT_INTERNAL_ERROR,
  TLS_ALERT_UNRECOGNIZED_NAME,
} from '../peek/tls-alert.js';

/** Where a routed connection goes. */
export interface ReceptionHost {
  /** The site of a host on a listener. */
  lookup(listenerKey: string, host: string | null): { serve(connection: Connection): void } | undefined;
  onAcceptError(listener: Listener, errno: number): void;
  onListenerError(listener: Listener, error: Error): void;
  onRefused(listener: Origin, status: number, reason: string): void;
}

export class Reception implements ListenerEvents {
  readonly counts: MasterCounts = {
    accepted: 0,
    handedOff: 0,
    handedOffAgain: 0,
    handedBack: 0,
    refused: {},
    violations: 0,
  };
  readonly #host: ReceptionHost;
  readonly #peeking: Peeking;

  constructor(limits: Limits, host: ReceptionHost) {
    this.#host = host;
    this.#peeking = new Peeking(limits, {
      onRouted: (connection) => this.route(connection),
      onRefused: (handle, listener, why) => this.#refuse(handle, listener, why),
    });
  }

  setLimits(limits: Limits): void {
    this.#peeking.setLimits(limits);
  }

  onConnection(listener: Listener, connection: NativeHandle): void {
    this.counts.accepted += 1;
    this.#peeking.add(connection, listener);
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
    this.#refuse(connection.handle, connection.listener, { status: 421, reason: 'no-site' });
  }

  /** Ends a connection whose site cannot serve it; `page`: the site is in maintenance. */
  giveUp({ handle, listener }: Connection, page?: MaintenancePage): void {
    this.#count(listener, 503, page === undefined ? 'no-worker' : 'maintenance');
    refuse(
      handle,
      listener.secure ? TLS_ALERT_INTERNAL_ERROR : refusal(503, page ?? { retryAfterSeconds: RETRY_AFTER_S }),
    );
  }

  /** Connections whose first bytes are waited for. */
  get peekingCount(): number {
    return this.#peeking.count;
  }

  /** Ends what is still being peeked. */
  close(): void {
    this.#peeking.close();
  }

  #refuse(handle: NativeHandle, listener: Origin, { status, reason }: PeekRefusal): void {
    this.#count(listener, status, reason);
    // Of a TLS client that speaks no TLS, only one that speaks HTTP can read an answer.
    if (!listener.secure || reason === 'http-on-tls-port') refuse(handle, refusal(status));
    else if (status === 408) handle.close();
    else refuse(handle, status === 421 ? TLS_ALERT_UNRECOGNIZED_NAME : TLS_ALERT_DECODE_ERROR);
  }

  #count(listener: Origin, status: RefusalStatus, reason: string): void {
    this.counts.refused[status] = (this.counts.refused[status] ?? 0) + 1;
    this.#host.onRefused(listener, status, reason);
  }
}

/** When a client may try a site again that has no worker, s. */
const RETRY_AFTER_S = 1;
