// Which of the HTTP servers that a site's code lets listen is the site's: the one that the code names, else the one on
// the app's port, else the first one. One on a loopback address, or on a port where metrics and health servers
// customarily listen, is second choice: it waits a moment for another one.
import type { Server } from 'node:net';
import { bindHere, stopListening } from '../node/native-handle.js';
import type { ListenQuery } from '../node/native-handle.js';
import { adoptServer } from './adopt-server.js';
import type { AdoptedServer } from './adopt-server.js';
import type { Grace } from './grace.js';
import type { ListenAddress } from './listening-handle.js';

/** What is known of the site before its code runs. */
export interface SiteServersOptions {
  /** Of the conf: the site's server is the one that listens there, and no other. */
  appPort: number | undefined;
  /** The variable PORT: the server that listens there is the site's; where none does, another one. */
  preferredPort: number | undefined;
  /** What a server that never asked for an address tells of itself, and one that asked for port 0. */
  address: ListenAddress;
  /** How long a server of second choice waits for another one. */
  grace: Pick<Grace, 'begin' | 'end'>;
  /** The site's server; called again where the code names another one later. */
  onChosen(adopted: AdoptedServer, previous: Server | undefined): void;
  /** The app closes the site's server; true: it is not to be closed yet. */
  onClose?(): boolean;
  /** Lets another one listen on a port that all workers share. False: it is to be bound in this process. */
  share?(server: Server, query: ListenQuery): boolean;
  /** The app has closed all that it let listen before one was the site's, and has nothing under way. */
  onNone?(): void;
  /** Another HTTP server listens in this process, or `shares` the site's address and gets no connections. */
  onOther(query: ListenQuery, shares: boolean): void;
}

/** A server that has been told that it listens, and has no port yet. */
interface Held {
  adopted: AdoptedServer;
  query: ListenQuery;
}

export class SiteServers {
  readonly #options: SiteServersOptions;
  #site: Held | undefined;
  #held: Held[] = [];
  /** All that this process let listen without a port, those included that get no connections. */
  readonly #adopted = new WeakMap<Server, Held>();

  constructor(options: SiteServersOptions) {
    this.#options = options;
  }

  /** The site's code names its server, which is the one whatever has listened before. */
  name(server: Server): void {
    const previous = this.#site;
    if (previous?.adopted.server === server) return;
    const { address } = this.#options;
    const known = this.#adopted.get(server);
    this.#held = this.#held.filter((held) => held !== known);
    this.#choose(known ?? { adopted: adoptServer(server, { address }), query: queryOf(address) });
    if (previous !== undefined) this.#open(previous);
  }

  /** Takes an HTTP server that begins to listen on a port; false: it is to listen by itself. */
  take(server: Server, query: ListenQuery): boolean {
    this.#held = this.#held.filter(({ adopted }) => adopted.isListening());
    // Nobody else sees to it either: the port is taken, as it would be for the kernel.
    if (this.#listensThere(query)) return false;
    if (this.has(query.port)) {
      // Another address of a server that listens on several, or a port that is the site's own anyway.
      this.#adopt(server, query);
      this.#options.onOther(query, true);
      return true;
    }
    const rank = rankOf(query, this.#options);
    if (rank === 'other' || this.#site !== undefined) {
      this.#options.onOther(query, false);
      return false;
    }
    const held = this.#adopt(server, query);
    if (rank === 'site') {
      this.#choose(held);
      return true;
    }
    this.#held.push(held);
    this.#begin();
    return true;
  }

  /** Whether a port is one that a server without a port tells of itself: nobody may bind it for another one. */
  has(port: number | null): boolean {
    return port !== null && port !== 0 && this.#taken().some(({ adopted }) => adopted.port === port);
  }

  /** Whether one that listens has asked for the same address, and for this port or was told it. */
  #listensThere({ address, port }: ListenQuery): boolean {
    return this.#taken().some(
      ({ adopted, query }) =>
        query.addressType !== null &&
        adopted.port === port &&
        (query.address ?? '::') === (address ?? '::') &&
        adopted.holdsPort(),
    );
  }

  #taken(): Held[] {
    return [...(this.#site === undefined ? [] : [this.#site]), ...this.#held];
  }

  #begin(): void {
    this.#options.grace.begin((quiet) => {
      this.decide();
      if (this.#site !== undefined) return;
      // All of them have been closed. Whoever is busy may open another one.
      if (quiet) this.#options.onNone?.();
      else this.#begin();
    });
  }

  /** No more servers will come: of those that wait, one is the site's. */
  decide(): void {
    this.#options.grace.end();
    this.#held = this.#held.filter(({ adopted }) => adopted.isListening());
    const best = this.#held.find(({ query }) => !isCustomary(query)) ?? this.#held[0];
    if (best === undefined) return;
    this.#held = this.#held.filter((other) => other !== best);
    this.#choose(best);
  }

  #choose(held: Held): void {
    this.#options.grace.end();
    const previous = this.#site?.adopted.server;
    this.#site = held;
    held.adopted.onClose = () => this.#site === held && this.#options.onClose?.() === true;
    this.#options.onChosen(held.adopted, previous);
    for (const other of this.#held.splice(0)) this.#open(other);
  }

  /** Gives a server that thought that it listened the port that it asked for. */
  #open({ adopted, query }: Held): void {
    const { server } = adopted;
    const listened = adopted.isListening();
    adopted.release();
    // It was named by the code and never told to listen, or was closed.
    if (!listened || query.addressType === null) return;
    this.#options.onOther(query, false);
    if (this.#options.share?.(server, query) === true) return;
    bindHere(server, query, (error) => {
      stopListening(server);
      server.emit('error', error);
    });
  }

  /** Its `address()` says what it asked for, as where it listens by itself. */
  #adopt(server: Server, query: ListenQuery): Held {
    const address = query.address ?? '::';
    const port = query.port === null || query.port === 0 ? this.#options.address.port : query.port;
    const family = address.includes(':') ? 'IPv6' : 'IPv4';
    const held = {
      adopted: adoptServer(server, { address: { address, port, family }, siteListened: true }),
      query,
    };
    this.#adopted.set(server, held);
    return held;
  }
}

/** What a server is that listens there: the site's at once, the site's where no better one comes, or never. */
export function rankOf(
  query: ListenQuery,
  { appPort, preferredPort }: Pick<SiteServersOptions, 'appPort' | 'preferredPort'>,
): 'site' | 'second' | 'other' {
  if (appPort !== undefined) return query.port === appPort ? 'site' : 'other';
  if (preferredPort !== undefined) return query.port === preferredPort ? 'site' : 'second';
  return isLoopback(query) || isCustomary(query) ? 'second' : 'site';
}

function isLoopback({ address }: ListenQuery): boolean {
  return address !== null && /^(127\.|::1$|::ffff:127\.)/.test(address);
}

/** Prometheus' exporters have 9090 to 9999 (github.com/prometheus/prometheus/wiki/Default-port-allocations). */
function isCustomary({ port }: ListenQuery): boolean {
  return port !== null && port >= 9000 && port <= 9999;
}

/** Of a server that never said where it listens. */
function queryOf({ address, port }: ListenAddress): ListenQuery {
  return { address, port, addressType: null };
}
