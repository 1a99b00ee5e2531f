// A connection between being accepted and being taken over by a worker: all that the master ever knows of one.
import type { NativeHandle } from '@vhostd/transport';
import type { ProxiedEnds } from './proxied-ends.js';

/** Where a connection came in, as far as it matters once it is accepted. A listener is one. */
export interface Origin {
  readonly key: string;
  /** Whether its clients speak TLS. */
  readonly secure: boolean;
}

/** The front door of a site. */
export interface Ingress {
  /** Gives a connection to a worker, or holds it until there is one, or ends it. */
  serve(connection: Connection): void;
  /** What it has may have changed. */
  look(): void;
  /** Whether there would be a use for one that a draining worker hands back. */
  readonly takesHandedBack: boolean;
  /** Whether a worker gets connections, or will, of which nothing has been read: nobody answers in its place. */
  readonly takesUnread: boolean;
  /** Whether nobody serves until an operator says so: requests in clear are told that, and not sent on to TLS. */
  readonly stopped: boolean;
}

/**
 * Why a worker no longer has a connection: it died before it confirmed it, it did not begin with it in time, it had no
 * descriptor left for it, or it hands it back. Then the connection has no head and is between two requests of the site, which the worker leaves; or
 * it brings a request for another host.
 */
export type ReturnReason = 'unconfirmed' | 'retracted' | 'lost' | 'handed-back';

/** The history of a connection that a worker had been given. */
export interface ReturnedConnection {
  readonly why: ReturnReason;
  readonly siteId: string;
  readonly workerId: string;
  /** The slot of that worker. */
  readonly slot: number;
  /** The site that it was routed to. */
  readonly ingress: Ingress;
  /** Another process may have it still, and make it block: nobody else is to have it, nor is it read or written here. */
  readonly fenced: boolean;
}

export interface Connection {
  readonly handle: NativeHandle;
  readonly listener: Origin;
  /** The bytes that were read from it, or looked at, as latin1 text. */
  readonly head: string;
  /** The head was only looked at: whoever reads from it reads that first. */
  unread?: boolean;
  /** The host it asked for; null when it named none. */
  readonly host: string | null;
  /** TLS: its head is a ClientHello. */
  readonly secure: boolean;
  /** A worker has served it before. */
  readonly handedBack: boolean;
  /** Where a balancer passes it on: whose it is. */
  readonly proxied?: ProxiedEnds | undefined;
  /** The last worker that had been given it, where it comes back. */
  returned?: ReturnedConnection;
}
