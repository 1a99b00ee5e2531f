// The master's listeners and the sockets under them: opened when a site first needs one, closed when the last one
// leaves. Where one address covers another on a port, both are served by the socket of the wider one.
import { setImmediate as turnOfLoop, setTimeout as delay } from 'node:timers/promises';
import type { AcquiredListener } from '@vhostd/protocol';
import { addressesOverlap, addressCovers, VhostError } from '@vhostd/protocol';
import { duplicate } from '@vhostd/transport';
import type { NativeHandle } from '@vhostd/transport';
import type { MasterEvents } from '../events.js';
import { AppSocket, inUse } from './app-socket.js';
import type { AppAddress } from './app-socket.js';
import { Listener, listenerKey } from './listener.js';
import type { Deliver, ListenerAddress } from './listener.js';
import type { ListenerSource, OpenSocket } from './listener-source.js';
import { ListenerSocket } from './listener-socket.js';
import type { SocketAddress } from './listener-socket.js';

export class ListenerRegistry {
  readonly #events: MasterEvents;
  readonly #source: ListenerSource | undefined;
  readonly #open = new Map<string, Listener>();
  /** With the name that the source gave each. */
  readonly #sockets = new Map<ListenerSocket<Listener>, string | undefined>();
  /** Those that stay open when this process ends. */
  readonly #passed = new WeakSet<ListenerSocket<Listener>>();
  /** Those that accept nothing for a while. */
  readonly #paused = new Set<ListenerSocket<Listener>>();
  /** Those on which workers accept. */
  readonly #left = new Set<ListenerSocket<Listener>>();
  /** Where apps listen by themselves. */
  readonly #apps = new Set<AppSocket>();
  /** Addresses that will be asked for, soon. */
  #planned: readonly ListenerAddress[] = [];
  #deliver: Deliver = (handle) => handle.close();
  /** Workers may accept: nothing has to be known here of every connection. */
  leavesAny = true;
  /** Connections that may wait in the queue of a socket. */
  backlog = 511;
  #held = false;
  /** Nothing is accepted until {@link resume}. */
  #resting = false;

  /** Without a source, sockets are bound here. */
  constructor(events: MasterEvents, source: ListenerSource | undefined) {
    this.#events = events;
    this.#source = source;
  }

  /** Sets who takes what is accepted. */
  deliverTo(deliver: Deliver): void {
    this.#deliver = deliver;
  }

  /** Opens listeners without accepting on them, until {@link accept}: another process serves. */
  hold(): void {
    this.#held = true;
  }

  /** Says which addresses are to be opened: the kernel gives a wide one only before those that it covers. */
  plan(addresses: readonly ListenerAddress[]): void {
    this.#planned = addresses;
  }

  /** Accepts on every listener, and on those to come. */
  async accept(): Promise<void> {
    this.#held = false;
    const waiting = [...this.#sockets.keys()].filter(({ accepting }) => !accepting);
    await Promise.all(
      waiting.map(async (socket) => {
        if (!(await this.#tryAccept(socket))) return;
        for (const { info } of socket.listeners) this.#events.emit('listener.opened', info);
      }),
    );
  }

  /** Accepts nothing more, at once, until {@link resume}; who connects meanwhile waits. False: no socket can. */
  pause(): boolean {
    const paused = [...this.#sockets.keys()].filter((socket) => socket.pause());
    for (const socket of paused) this.#paused.add(socket);
    this.#resting = paused.length > 0;
    return this.#resting;
  }

  /** Accepts again; those who have waited come at once, so what the next pause needs is fetched before. */
  async resume(): Promise<void> {
    const paused = [...this.#paused].filter((socket) => this.#sockets.has(socket));
    this.#paused.clear();
    this.#resting = false;
    await Promise.all(
      paused.map(async (socket) => {
        await Promise.race([this.#fetchSpare(socket), delay(SPARE_LIMIT_MS, undefined, { ref: false })]);
        if (this.#sockets.has(socket) && !this.#left.has(socket)) await this.#tryAccept(socket);
      }),
    );
  }

  /** The socket of a listener, to be sent to workers; undefined where others are reached by it as well, or it rests. */
  soleSocket({ socket, address, accepting }: Listener): NativeHandle | undefined {
    const isSole = socket.listeners.size === 1 && address.ipaddress === socket.address.ipaddress;
    return this.leavesAny && isSole && accepting ? socket.handle : undefined;
  }

  /**
   * From now on workers accept on a listener, and this process as well only for as long as it can't stop; or this process
   * alone does.
   */
  leaveToWorkers({ socket }: Listener, isLeft: boolean): void {
    if (!this.#sockets.has(socket)) return;
    if (isLeft) {
      this.#left.add(socket);
      // While all rest for want of descriptors, this one does, too.
      this.#paused.delete(socket);
      socket.pause();
    } else if (this.#left.delete(socket) && socket.paused) {
      if (this.#resting) this.#paused.add(socket);
      else void this.#tryAccept(socket);
    }
  }

  get(address: ListenerAddress): Listener | undefined {
    return this.#open.get(listenerKey(address));
  }

  /** Whether a listener has a socket for itself. */
  isSole(key: string): boolean {
    return this.#open.get(key)?.socket.listeners.size === 1;
  }

  list(): Listener[] {
    return [...this.#open.values()];
  }

  /** Those sockets that are the source's, with the name that it gave them. */
  openSockets(): OpenSocket[] {
    const own = Array.from(this.#sockets).flatMap(([{ handle, bound }, daemonKey]) =>
      daemonKey === undefined || handle === undefined ? [] : [{ key: daemonKey, ...bound, handle }],
    );
    return [...own, ...Array.from(this.#apps).flatMap((app) => app.ofSource() ?? [])];
  }

  /**
   * A bound socket for the workers of one site to listen on by themselves: nothing is accepted on it here. It is the
   * caller's to close.
   * @throws {VhostError} ERR_LISTEN_*.
   */
  async bindForApp(address: AppAddress): Promise<AppSocket> {
    this.#refuseOverlap(address);
    const app = new AppSocket(address, this.#source, () => this.#apps.delete(app));
    // Taken from here on: nobody else is to get the same one.
    this.#apps.add(app);
    try {
      await app.bind();
    } catch (error) {
      this.#apps.delete(app);
      throw error;
    }
    return app;
  }

  /**
   * Opens those of `addresses` that are not open. All or none: on an error those just opened are closed again.
   * @throws {VhostError} ERR_LISTEN_*; ERR_LISTEN_TYPE where a port is open with the other type, ERR_LISTEN_OVERLAP
   * where addresses are open that it would cover.
   */
  async open(addresses: readonly ListenerAddress[]): Promise<Listener[]> {
    const opened: Listener[] = [];
    // The widest first: the others are served by its socket.
    const inOrder = [...addresses].toSorted((one, other) => widthOf(other) - widthOf(one));
    try {
      for (const address of inOrder) {
        const known = this.get(address);
        if (known === undefined) opened.push(await this.#openOne(address));
        else if (known.address.type !== address.type) throw typeConflict(known, address);
      }
    } catch (error) {
      for (const listener of opened) this.#close(listener);
      throw error;
    }
    return opened;
  }

  /** Says which listeners lead to a site by now. */
  route(isRouted: (key: string) => boolean): void {
    for (const listener of this.#open.values()) listener.routed = isRouted(listener.key);
  }

  /** Closes every listener whose key is not in `keys`. */
  closeExcept(keys: ReadonlySet<string>): void {
    for (const listener of this.list()) if (!keys.has(listener.key)) this.#close(listener);
  }

  /**
   * {@link closeExcept}, for good: whoever has connected by then has been accepted. The kernel resets what waits at a
   * socket when its last descriptor is closed, so that is the one here, right behind a turn in which nobody came. Where
   * clients come faster than they are accepted, new ones are kept out of the queue, but for one; that is reset when as many
   * have been accepted as the queue has held. Not so at a socket that somebody else keeps open. Longer than `limitMs` it
   * waits neither for the daemon, to close its own descriptor, nor for those in the queue.
   */
  async closeForGood(
    keys: ReadonlySet<string> = new Set(),
    limitMs: number = RELEASE_LIMIT_MS,
  ): Promise<void> {
    const sockets = [...this.#sockets].filter(([{ listeners }]) =>
      [...listeners].every(({ key }) => !keys.has(key)),
    );
    const released = sockets.map(async ([socket, daemonKey]) => {
      this.#sockets.set(socket, undefined);
      if (daemonKey !== undefined) await this.#source?.release(daemonKey);
    });
    const limit = delay(limitMs, undefined, { ref: false });
    await Promise.race([Promise.all(released), limit]);
    const ending = sockets.flatMap(([socket]) => (this.#passed.has(socket) ? [] : [socket]));
    for (const socket of ending) socket.narrowQueue();
    await this.#whenNobodyWaits(ending, limitMs);
    this.closeExcept(keys);
  }

  /** A socket accepts one connection in each turn of the event loop, while there is any. */
  async #whenNobodyWaits(sockets: readonly ListenerSocket<Listener>[], limitMs: number): Promise<void> {
    const deadlineMs = performance.now() + limitMs;
    // The first one is the rest of a turn.
    await turnOfLoop();
    const accepted = (): number[] => sockets.map(({ acceptedCount }) => acceptedCount);
    const first = accepted();
    for (let [before, now] = [first.map(() => -1), first]; performance.now() < deadlineMs;) {
      // The kernel queues one more than it is told to.
      const isOver = (count: number, index: number): boolean =>
        count === before[index] || count - (first[index] ?? 0) > this.backlog;
      if (now.every(isOver)) return;
      await turnOfLoop();
      [before, now] = [now, accepted()];
    }
  }

  async #openOne(address: ListenerAddress): Promise<Listener> {
    const socket =
      [...this.#sockets.keys()].find((one) => one.covers(address)) ?? (await this.#bindWidest(address));
    const listener = new Listener(address, socket);
    socket.listeners.add(listener);
    this.#open.set(listener.key, listener);
    if (socket.accepting) this.#events.emit('listener.opened', listener.info);
    return listener;
  }

  /** Binds the widest address that is wanted here: once a narrow one is open, the kernel gives no wider one. */
  async #bindWidest(wanted: ListenerAddress): Promise<ListenerSocket<Listener>> {
    const widest = this.#widest(wanted);
    if (widest !== wanted) {
      try {
        return await this.#bind(widest);
      } catch {
        // Told to the site that wants it; this one may do without.
      }
    }
    return await this.#bind(wanted);
  }

  async #bind({ ipaddress, port }: SocketAddress): Promise<ListenerSocket<Listener>> {
    const address: SocketAddress = { port, ...(ipaddress === undefined ? {} : { ipaddress }) };
    this.#refuseOverlap(address);
    const acquired = await this.#source?.acquire(address);
    if (acquired !== undefined && acquired.handle === undefined) {
      throw new VhostError('ERR_LISTEN_HANDLE', `the daemon's socket for port ${port} did not arrive`);
    }
    const daemonKey = acquired?.value.key;
    try {
      const socket = new ListenerSocket<Listener>(
        acquired === undefined ? address : addressOf(acquired.value, address),
        acquired?.handle,
        this.#events,
        this.#deliver,
      );
      // One of another process's; it is known to be bound.
      if (this.#held && acquired !== undefined) socket.hold(acquired.value);
      else await socket.accept(this.backlog);
      this.#sockets.set(socket, daemonKey);
      if (acquired?.value.passed === true) this.#passed.add(socket);
      if (socket.accepting) void this.#fetchSpare(socket);
      return socket;
    } catch (error) {
      acquired?.handle?.close();
      this.#release(daemonKey);
      throw error;
    }
  }

  /** False: it failed, which is told. */
  async #tryAccept(socket: ListenerSocket<Listener>): Promise<boolean> {
    try {
      await this.#accept(socket);
      return true;
    } catch (thrown) {
      const error = thrown instanceof Error ? thrown : new Error(String(thrown));
      for (const { key } of socket.listeners) this.#events.emit('listener.failed', { key, error });
      return false;
    }
  }

  async #accept(socket: ListenerSocket<Listener>): Promise<void> {
    await socket.accept(this.backlog);
    if (!socket.hasSpare) void this.#fetchSpare(socket);
    else if (this.#left.has(socket)) socket.pause();
  }

  /** Gets a socket once more, before descriptors are short: a copy, else the source's. Without one there is no pause. */
  async #fetchSpare(socket: ListenerSocket<Listener>): Promise<void> {
    const { ipaddress } = socket.address;
    const { port } = socket.bound;
    const second = socket.handle && duplicate(socket.handle);
    if (second !== undefined) return this.#keepSpare(socket, second);
    try {
      const { value, handle } =
        (await this.#source?.acquire({ port, ...(ipaddress === undefined ? {} : { ipaddress }) })) ?? {};
      // One claim is enough.
      this.#release(value?.key);
      if (handle === undefined) return;
      this.#keepSpare(socket, handle);
    } catch {
      // The daemon is gone, or closes what nobody has any more.
    }
  }

  #keepSpare(socket: ListenerSocket<Listener>, handle: NativeHandle): void {
    if (!this.#sockets.has(socket)) return handle.close();
    socket.keepSpare(handle);
    if (this.#left.has(socket)) socket.pause();
  }

  #widest(wanted: ListenerAddress): SocketAddress {
    const { port, ipaddress } = wanted;
    if (port === 0) return wanted;
    return this.#planned
      .filter((planned) => planned.port === port)
      .filter((planned) => addressCovers(planned.ipaddress ?? '::', ipaddress ?? '::'))
      .reduce<SocketAddress>((widest, one) => (widthOf(one) > widthOf(widest) ? one : widest), wanted);
  }

  #refuseOverlap({ ipaddress, port, udp }: AppAddress): void {
    if (port === 0) return;
    const taken = [...this.#apps].find(
      ({ address }) =>
        address.port === port &&
        address.udp === udp &&
        addressesOverlap(address.ipaddress ?? '::', ipaddress ?? '::'),
    );
    if (taken !== undefined)
      throw inUse(port, 'an app of a site, or vhostd itself for metrics, listens there');
    if (udp === true) return;
    const overlapping = [...this.#sockets.keys()].filter(
      ({ address, bound }) =>
        bound.port === port && addressesOverlap(address.ipaddress ?? '::', ipaddress ?? '::'),
    );
    const [first] = overlapping;
    if (first === undefined) return;
    const open = overlapping.map(({ address }) => address.ipaddress ?? '::');
    throw new VhostError(
      'ERR_LISTEN_OVERLAP',
      `port ${port} of ${ipaddress ?? '::'} can't be opened while vhostd itself listens there on ${open.join(', ')}: ` +
        'the kernel gives no address that covers an open one. Stop vhostd and start it, or name the addresses one by one',
      {
        info: {
          port,
          ipaddress: ipaddress ?? null,
          open,
          keys: overlapping.flatMap(({ listeners }) => Array.from(listeners, ({ key }) => key)),
        },
      },
    );
  }

  #close(listener: Listener): void {
    const { info, accepting, socket } = listener;
    this.#open.delete(listener.key);
    socket.listeners.delete(listener);
    if (socket.listeners.size === 0) {
      const daemonKey = this.#sockets.get(socket);
      this.#sockets.delete(socket);
      this.#left.delete(socket);
      this.#paused.delete(socket);
      socket.close();
      this.#release(daemonKey);
    }
    if (accepting) this.#events.emit('listener.closed', info);
  }

  #release(daemonKey: string | undefined): void {
    if (daemonKey === undefined) return;
    void this.#source?.release(daemonKey);
  }
}

/** What a socket of the source's is bound to: what was asked for, or what covers that. */
function addressOf({ address, key }: AcquiredListener, asked: SocketAddress): SocketAddress {
  const { port, ipaddress } = asked;
  if (port === 0 || ipaddress === address) return asked;
  // Without IPv6 every address of the machine is 0.0.0.0.
  if (key.startsWith('*:') || address === '::') return { port };
  return { port, ipaddress: address };
}

/** How many addresses one covers, in an order. */
function widthOf({ ipaddress }: { readonly ipaddress?: string }): number {
  if (ipaddress === undefined) return 2;
  return ipaddress === '0.0.0.0' ? 1 : 0;
}

function typeConflict(known: Listener, address: ListenerAddress): VhostError {
  return new VhostError(
    'ERR_LISTEN_TYPE',
    `port ${address.port} is open as '${known.address.type}' and cannot be '${address.type}' as well`,
    { info: { port: address.port, open: known.address.type, wanted: address.type } },
  );
}

/** How long a daemon may take to give a socket once more, ms; it may be dead. */
const SPARE_LIMIT_MS = 1000;
/** Default of {@link ListenerRegistry.closeForGood}, ms. */
const RELEASE_LIMIT_MS = 1000;
