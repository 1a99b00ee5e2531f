// Where connections enter the master: those that a listener has accepted are peeked, then routed; those that a worker
// returns bring bytes and a history, and go on from there.
import { isIPv6 } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { speaksHttp2 } from '@vhostd/protocol';
import type { ListeningInfo, MaintenancePage } from '@vhostd/protocol';
import type { NativeHandle } from '@vhostd/transport';
import type { Limits, SiteConf } from '../conf/site-conf.js';
import type { MasterEvents } from '../events.js';
import type { AcceptPause } from '../listeners/accept-pause.js';
import type { Listener } from '../listeners/listener.js';
import { DescriptorRoom } from '@vhostd/transport';
import { heldSockets, socketNumber } from '../node/held-sockets.js';
import { localAddressOf, remoteAddressOf } from '../node/raw-accept.js';
import { http2Refusal } from '../peek/http2-refusal.js';
import { refusal } from '../peek/refusal.js';
import type { RefusalOptions } from '../peek/refusal.js';
import { REFUSAL_STATUSES } from '../peek/refusal-reason.js';
import type { RefusalReason } from '../peek/refusal-reason.js';
import { tlsAlert } from '../peek/tls-alert.js';
import { Challenges } from './challenges.js';
import type { Connection, Ingress, Origin, ReturnedConnection } from './connection.js';
import { Health } from './health.js';
import { KeptConnections } from './kept-connections.js';
import { AddressRates } from './address-rates.js';
import { AddressTerms } from './address-terms.js';
import { OpenConnections } from './open-connections.js';
import type { Arrival } from './open-connections.js';
import { Peeking } from './peeking.js';
import { redirection } from './redirection.js';
import { Refusals, refuseAtOnce } from './refuse.js';

type ListenConf = Pick<SiteConf, 'listen' | 'defaultListen'>;

/** Who has which host on which listener. */
export interface Routes {
  /** Whether a listener leads to anybody, and no other one can have what came in there. */
  leads(listenerKey: string): boolean;
  lookup(listenerKey: string, host: string | null): { readonly ingress: Ingress } | undefined;
  /** Who has a connection that names no host before it belongs to a worker. */
  hostless(listenerKey: string): { readonly ingress: Ingress } | undefined;
  /** Who has a listener alone, and has its workers accept there. */
  exclusive(listenerKey: string): { readonly ingress: Ingress } | undefined;
  /** The port of HTTPS that requests in clear for a host are sent on to; undefined: they are served. */
  redirectOf(listenerKey: string, host: string | null): number | undefined;
  /** The listener of a connection that came in at this address under this key: the one that has it by now. */
  listenerOf(key: string, at: { address: string; port: number }): Listener | undefined;
  /** The addresses of a site, as they are open. */
  listening(conf: ListenConf): ListeningInfo[];
}

export class Acceptor {
  /** What clear listeners answer by themselves. */
  readonly health: Health = new Health();
  /** What certificate authorities are answered. */
  readonly challenges: Challenges = new Challenges();
  /** On which terms connections begin at which listener. */
  readonly terms: AddressTerms = new AddressTerms();
  /** Takes one whose host nobody has, but may soon; false: it is refused. */
  holdUnrouted: ((connection: Connection) => boolean) | undefined;
  readonly #routes: Routes;
  readonly #events: MasterEvents;
  readonly #peeking: Peeking;
  readonly #refusals = new Refusals();
  readonly #kept = new KeptConnections({
    onBytes: (connection) => this.#peekAgain(connection),
    onLess: (ingress) => ingress.look(),
  });
  readonly #room = new DescriptorRoom();
  readonly #rates = new AddressRates();
  readonly #open = new OpenConnections(heldSockets);
  readonly #pause: Pick<AcceptPause, 'begin'> | undefined;

  /** Without a `pause` the oldest leaves, however young. */
  constructor(routes: Routes, limits: Limits, events: MasterEvents, pause?: Pick<AcceptPause, 'begin'>) {
    this.#pause = pause;
    this.#routes = routes;
    this.#events = events;
    this.#peeking = new Peeking(limits, this.terms, {
      onRouted: (connection, { alpn }) => {
        if (!this.challenges.takes(connection, alpn)) this.accept(connection);
      },
      onSweep: () => this.#makeRoom(this.#room.missingNow()),
      onRefused: (handle, listener, { reason, head }) => {
        // Some balancers name no host when they look whether a server lives.
        if (reason === 'host-missing' && this.health.isAskedBy(head)) this.#answerHealth(handle, head);
        else this.#refuse({ handle, listener, head }, reason);
      },
    });
    this.setLimits(limits);
  }

  /** For connections that come from now on. */
  setLimits(limits: Limits): void {
    this.#peeking.setLimits(limits);
    this.#rates.limit = limits.perAddress.newPerSecond;
    this.#open.limit = limits.perAddress.open;
  }

  /** Takes a connection that a listener has just accepted, and that nobody has read from. */
  peek(handle: NativeHandle, listener: Listener): void {
    this.#events.emit('connection.accepted', listener);
    this.#makeRoom(this.#room.missing(handle.fd));
    if (!this.#passUnread(handle, listener)) this.#peeking.add(handle, listener);
  }

  /**
   * Where workers accept, and the master does for a moment, a client may wait to be spoken to first, as one of mail does:
   * nothing is to be read then, and nobody else can have it.
   */
  #passUnread(handle: NativeHandle, listener: Listener): boolean {
    const ingress = listener.secure ? undefined : this.#routes.exclusive(listener.key)?.ingress;
    if (ingress?.takesUnread !== true) return false;
    const unread: Connection = { handle, listener, head: '', host: null, secure: false, handedBack: false };
    if (this.#rates.refuses(() => clientOf(unread)))
      this.#refuse(unread, 'address-rate', { retryAfterSeconds: RETRY_AFTER_S });
    else this.#admit(unread, ingress);
    return true;
  }

  /** Takes a connection that brings its first bytes, be it one that was peeked or one that a worker returns. */
  accept(connection: Connection): void {
    const { returned, head, secure, handle } = connection;
    if (returned?.fenced === true) return this.#giveBack(connection, returned);
    if (!secure && head !== '' && this.health.isAskedBy(head)) return this.#answerHealth(handle, head);
    const proof = this.challenges.answerTo(connection);
    if (proof !== undefined) return this.#refusals.refuse(handle, proof);
    if (returned !== undefined) return this.#acceptAgain(connection, returned);
    if (!connection.handedBack && this.#rates.refuses(() => clientOf(connection)))
      return this.#refuse(connection, 'address-rate', { retryAfterSeconds: RETRY_AFTER_S });
    if (!this.route(connection) && this.holdUnrouted?.(connection) !== true) this.refuseUnrouted(connection);
  }

  /** Gives one that has been counted to the site that has its host by now; false: nobody has, and it is the caller's. */
  route(connection: Connection): boolean {
    const routed = this.#atPresent(connection);
    const site = this.#siteOf(routed);
    if (site === undefined) return false;
    if (site.ingress.stopped || !this.#redirect(routed)) this.#admit(routed, site.ingress);
    return true;
  }

  /** Ends one whose host nobody has. */
  refuseUnrouted(connection: Connection): void {
    this.#refuse(this.#atPresent(connection), 'no-site');
  }

  /** Gives a connection that waits at a site to the one that has its host by now; false: it is still that site's. */
  reroute(connection: Connection, from: Ingress): boolean {
    if (connection.returned?.fenced === true) return false;
    const routed = this.#atPresent(connection);
    const site = this.#siteOf(routed);
    if (site === undefined || site.ingress === from) return false;
    site.ingress.serve(routed);
    return true;
  }

  /** The port of a site's first address, as it is open; undefined: it has none that is. */
  firstPortOf(conf: ListenConf): number | undefined {
    return this.#routes.listening(conf)[0]?.port;
  }

  /** Whose an idle connection is, of which a worker says where it came in and for which host. */
  ownerOf(listenerKey: string, host: string | undefined, handle: NativeHandle): Ingress | undefined {
    if (host === undefined) return undefined;
    const listener = this.#routes.listenerOf(listenerKey, localAddressOf(handle));
    return listener && this.#routes.lookup(listener.key, host)?.ingress;
  }

  /** Ends a connection that its site cannot serve. */
  reject(
    connection: Connection,
    why: 'no-worker' | 'maintenance' | 'site-stopped',
    page?: MaintenancePage,
  ): void {
    this.#refuse(connection, why, page ?? { retryAfterSeconds: RETRY_AFTER_S });
  }

  /** Closes a connection whose client has left while it waited for a worker. */
  dismiss({ handle, listener, host }: Connection): void {
    this.#events.emit('connection.left', { key: listener.key, host });
    handle.close();
  }

  /** Keeps one between two requests for a site that stands still, for so long, ms; its next byte brings it back. */
  keep(connection: Connection, ingress: Ingress, limitMs: number): void {
    this.#kept.keep(connection, ingress, limitMs);
  }

  /** How many are kept for a site. */
  keptCount(ingress: Ingress): number {
    return this.#kept.countOf(ingress);
  }

  /** The site has gone: the next request of each is for whoever has its host by then. */
  leaveKept(ingress: Ingress): void {
    this.#kept.leave(ingress, LEFT_MS);
  }

  /** Takes them out, unread. */
  takeKept(ingress: Ingress): Connection[] {
    return this.#kept.takeOf(ingress);
  }

  /** Connections whose first bytes are waited for. */
  get peekingCount(): number {
    return this.#peeking.count;
  }

  /** Resolves when whoever has just come has said what he wants, or at a limit. */
  async heard(): Promise<void> {
    const deadlineMs = performance.now() + SETTLE_LIMIT_MS;
    while (this.#peeking.hasYounger(HEARD_MS) && performance.now() < deadlineMs) await delay(SETTLE_LOOK_MS);
  }

  /**
   * Resolves when whoever has just come has been answered, and has read it, or at a limit: the end of this process would
   * reset them.
   */
  async settled(): Promise<void> {
    const deadlineMs = performance.now() + SETTLE_LIMIT_MS;
    const isUnsettled = (): boolean => this.#refusals.count > 0 || this.#peeking.hasYounger(HEARD_MS);
    while (isUnsettled() && performance.now() < deadlineMs) await delay(SETTLE_LOOK_MS);
    this.close();
  }

  /** Ends what is still being peeked; who has said something is told. */
  close(): void {
    this.#peeking.close();
  }

  #admit(connection: Connection, ingress: Ingress): void {
    if (this.#open.limit === undefined) return ingress.serve(connection);
    this.#open.admit(
      ingress,
      () => arrivalOf(connection),
      (admitted) => {
        if (!admitted) this.#refuse(connection, 'address-open', { retryAfterSeconds: RETRY_AFTER_S });
        // The host may have moved while the kernel was asked.
        else if (!this.reroute(connection, ingress)) ingress.serve(connection);
      },
    );
  }

  /** HTTP/2 in clear names its hosts stream by stream, to the worker. A hello names no IP address (RFC 6066 3). */
  #siteOf(connection: Connection): { readonly ingress: Ingress } | undefined {
    const { listener, host, head, secure } = connection;
    if (!secure && speaksHttp2(head)) return this.#routes.hostless(listener.key);
    return this.#routes.lookup(listener.key, host ?? (secure ? addressHostOf(connection) : null));
  }

  /** Answers a request in clear whose host is served with TLS only. */
  #redirect({ handle, listener, host, head, secure }: Connection): boolean {
    if (secure || host === null || head === '') return false;
    const port = this.#routes.redirectOf(listener.key, host);
    const answer = port === undefined ? undefined : redirection(host, port, head);
    if (answer === undefined) return false;
    this.#refusals.refuse(handle, answer);
    this.#events.emit('connection.redirected', { key: listener.key, host });
    return true;
  }

  /** One with a request is for whoever has its host; so is one that no worker has confirmed. */
  #acceptAgain(connection: Connection, { why, siteId, workerId, ingress }: ReturnedConnection): void {
    if (why === 'handed-back') {
      this.#events.emit('connection.handed-back', { siteId, workerId });
      if (connection.head !== '') return this.#peekAgain(connection);
      const { listener, host, handle } = connection;
      return (this.ownerOf(listener.key, host ?? undefined, handle) ?? ingress).serve(connection);
    }
    this.#events.emit('connection.redispatched', { siteId, workerId, why });
    if (!this.reroute(connection, ingress)) ingress.serve(connection);
  }

  /** What is not trusted gets its own back, and nobody else gets it. */
  #giveBack(connection: Connection, { why, siteId, workerId, ingress }: ReturnedConnection): void {
    if (why === 'handed-back') this.#events.emit('connection.handed-back', { siteId, workerId });
    else this.#events.emit('connection.redispatched', { siteId, workerId, why });
    // With a request of another site's: its workers know that these are theirs to answer.
    if (why === 'handed-back' && connection.head !== '') connection.handle.close();
    else ingress.serve(connection);
  }

  /** A connection with the listener that has its address by now: that may have changed since it was accepted. */
  #atPresent(connection: Connection): Connection {
    const { listener, handle } = connection;
    if (this.#routes.leads(listener.key)) return connection;
    const present = this.#routes.listenerOf(listener.key, localAddressOf(handle));
    // What was read in clear is no TLS, and the reverse.
    if (present === undefined || present.secure !== listener.secure) return connection;
    return { ...connection, listener: present };
  }

  #peekAgain(connection: Connection): void {
    const { handle, head } = connection;
    const listener = this.#routes.listenerOf(connection.listener.key, localAddressOf(handle));
    if (listener === undefined) this.#refuse(connection, 'no-site');
    else if (listener.secure) handle.close();
    else this.#peeking.resume(connection, listener, Buffer.from(head, 'latin1'));
  }

  /**
   * Who has been refused, or has said nothing for longest, leaves first. Who has just come may be good: rather than end
   * that one, nothing is accepted for a while, where that can be. Who is kept between two requests has been good, and
   * leaves only while more are kept than are on their way in.
   */
  #makeRoom(count: number): void {
    for (let left = count; left > 0; left -= 1) {
      if (this.#refusals.cutOldest() || this.#peeking.evictOldest(HEARD_MS)) continue;
      if (this.#kept.count > this.#peeking.count && this.#kept.endOldest()) continue;
      if (this.#pause?.begin() === true) return;
      if (!this.#peeking.evictOldest() && !this.#kept.endOldest()) return;
    }
  }

  #answerHealth(handle: NativeHandle, head: Buffer | string): void {
    this.#refusals.refuse(handle, this.health.answerTo(head));
  }

  #refuse(
    { handle, listener, head, returned }: Refused,
    reason: RefusalReason,
    options?: RefusalOptions,
  ): void {
    this.#events.emit('connection.refused', { key: listener.key, status: REFUSAL_STATUSES[reason], reason });
    // To write to it may take as long as its worker likes.
    if (returned?.fenced === true) return handle.close();
    const answer = answerOf(listener, reason, { ...options, request: head });
    if (answer === null) handle.close();
    else if (reason === 'peek-full') refuseAtOnce(handle, answer);
    else this.#refusals.refuse(handle, answer);
  }
}

/** What a refusal is about. */
interface Refused extends Pick<Connection, 'handle' | 'listener' | 'returned'> {
  readonly head: Buffer | string;
}

/** The last bytes to a client; null where it is left without a word. */
function answerOf(listener: Origin, reason: RefusalReason, options: RefusalOptions): Buffer | null {
  // A balancer would take an answer for its server's.
  if (reason === 'silent' || reason.startsWith('proxy-header-')) return null;
  // Of a TLS client that speaks no TLS, only one that speaks HTTP can read an answer.
  if (listener.secure && reason !== 'http-on-tls-port') return tlsAlert(reason);
  if (!listener.secure && speaksHttp2(options.request ?? '')) return http2Refusal(reason);
  return refusal(REFUSAL_STATUSES[reason], options);
}

/** Behind a balancer that speaks the PROXY protocol, the balancer's client. */
function clientOf({ proxied, handle }: Connection): string {
  return proxied?.client.address ?? remoteAddressOf(handle);
}

function arrivalOf(connection: Connection): Arrival | undefined {
  const socket = socketNumber(connection.handle.fd);
  return socket === undefined ? undefined : { socket, address: clientOf(connection) };
}

/** The address that a client has connected to, as a host. */
function addressHostOf({ proxied, handle }: Connection): string | null {
  const address = (proxied?.server ?? localAddressOf(handle)).address.replace(/^::ffff:(?=[\d.]+$)/, '');
  if (address === '') return null;
  return isIPv6(address) ? `[${address}]` : address;
}

/** A client that is well has said something by then, ms. */
const HEARD_MS = 300;
/** For how long what was kept for a site waits for its next request when the site has gone, ms. */
const LEFT_MS = 5000;
/** How long an end waits for those who have just come, and how often it looks, ms. */
const SETTLE_LIMIT_MS = 1000;
const SETTLE_LOOK_MS = 5;
/** When a client may try again, s. */
const RETRY_AFTER_S = 1;
