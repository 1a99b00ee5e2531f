// Holds every listening address of this machine's sites bound, so that no client is refused while a master is
// replaced. The master gets a duplicate over IPC and listens; this process never does.
import {
  addressesOverlap,
  addressOfKey,
  findCovering,
  isUdpKey,
  toKeyedAddress,
  VhostError,
} from '@vhostd/protocol';
import type { ErrorCode } from '@vhostd/protocol';
import type { KeyedAddress, ListenAddress } from '@vhostd/protocol';
import { realOs } from '@vhostd/supervisor';
import type { Os } from '@vhostd/supervisor';
import { asBound, nativeBind, udpBind } from '@vhostd/transport';
import type { BoundHandle, NativeBindResult } from '@vhostd/transport';
import { EventEmitter } from 'eventemitter3';
import { BoundListener } from './bound-listener.js';
import type { BoundAddress, BoundListenerStatus } from './bound-listener.js';

/** Options of {@link BoundListeners}. */
export interface BoundListenersOptions {
  /** How long an address stays bound after its last claimant died, in ms. Default 10 000. */
  graceMs?: number;
  /** Timers on the monotonic clock. Default: this machine's. */
  os?: Pick<Os, 'setTimer'>;
  /** Binds a socket without listening. Default: the kernel. */
  bind?: (address: string, port: number, family: 4 | 6) => NativeBindResult;
  /** Told after an address was closed because its grace time passed. */
  onExpired?: (status: BoundListenerStatus) => void;
  /** Keys of sockets that were passed to the first daemon, and come to this one from another process. */
  passedKeys?: readonly string[];
}

/** For who holds the sockets, too. */
export interface BoundListenersEvents {
  held: [listener: BoundListener];
  /** It was closed because nobody needs it any more. */
  closed: [listener: BoundListener];
  /** The address of this key is in use, be it by a socket that is held for a daemon before this one. */
  occupied: [key: string];
}

/**
 * The bound sockets by key, each held as long as somebody claims it.
 *
 * A claimant is any name that is unique among the living (one a master). What it acquires it releases as often;
 * when it dies, {@link BoundListeners.drop} turns all its claims into a grace time in which its successor may
 * acquire the same sockets. Clients that connect meanwhile wait in the kernel's backlog.
 */
export class BoundListeners extends EventEmitter<BoundListenersEvents> {
  readonly #byKey = new Map<string, BoundListener>();
  readonly #graceMs: number;
  readonly #os: Pick<Os, 'setTimer'>;
  readonly #bind: (address: string, port: number, family: 4 | 6) => NativeBindResult;
  readonly #passedKeys: Set<string>;
  readonly #onExpired: (status: BoundListenerStatus) => void;

  constructor(options: BoundListenersOptions = {}) {
    super();
    this.#graceMs = options.graceMs ?? 10_000;
    this.#os = options.os ?? realOs;
    this.#bind = options.bind ?? nativeBind;
    this.#passedKeys = new Set(options.passedKeys);
    this.#onExpired = options.onExpired ?? (() => {});
  }

  /**
   * Claims an address: the socket that is held for it already, or for an address that covers it, or a new one.
   *
   * An address without `ipaddress` is bound to `::` for IPv6 and IPv4, or to `0.0.0.0` where there is no IPv6.
   * That a socket is bound does not yet keep another process from listening on it first; only the claimant's
   * first listen(2) does, and that call reports EADDRINUSE then.
   *
   * @throws VhostError ERR_LISTEN_ADDRESS_IN_USE, ERR_LISTEN_PERMISSION, ERR_LISTEN_ADDRESS (not an address of
   * this machine), ERR_LISTEN_FAILED (anything else), ERR_NODE_INTERNALS. Nothing is claimed then.
   */
  acquire(claimant: string, request: ListenAddress): BoundAddress & { readonly isPassed: boolean } {
    const wanted = toKeyedAddress(request);
    this.#makeRoom(wanted);
    const listener = findCovering(this.#byKey.values(), wanted) ?? this.#add(wanted);
    listener.claim(claimant);
    return listener;
  }

  /**
   * Takes one claim back; the socket closes at once with its last claim.
   * False if that claimant has no claim on that key.
   */
  release(claimant: string, key: string): boolean {
    const listener = this.#byKey.get(key);
    if (listener === undefined || !listener.unclaim(claimant)) return false;
    if (!listener.claimed && !listener.isPassed) this.#remove(listener);
    return true;
  }

  /** Drops all claims of a claimant that died. What nobody else claims stays bound for the grace time. */
  drop(claimant: string): void {
    for (const listener of this.#byKey.values()) {
      if (listener.unclaimAll(claimant) && !listener.claimed) this.#startGrace(listener);
    }
  }

  /**
   * Takes a socket over that another daemon bound, with so many claims of a claimant; without a claim its grace time
   * begins. The handle is this object's from then on, whatever becomes of it.
   *
   * @throws VhostError ERR_LISTEN_TRANSFER (no bound socket, or a key that it can't have).
   */
  adopt(claimant: string, { key, claims }: { key: string; claims: number }, handle: { close(): void }): void {
    let listener = this.#byKey.get(key);
    if (listener !== undefined) handle.close();
    else {
      const bound = asBound(handle);
      if (bound === undefined || addressOfKey(key) === undefined) {
        handle.close();
        throw new VhostError('ERR_LISTEN_TRANSFER', `what came as listener '${key}' is not one`, {
          info: { key },
        });
      }
      listener = new BoundListener(key, bound, { isPassed: this.#passedKeys.has(key) });
      this.#hold(listener);
    }
    for (let count = 0; count < claims; count += 1) listener.claim(claimant);
    if (!listener.claimed) this.#startGrace(listener);
  }

  /**
   * Takes a socket that this process was started with, for the requests of its address. Returns its key; undefined when
   * there is one of that address already: it is closed then.
   */
  addPassed(bound: Bound): string | undefined {
    const key = this.#addGiven(bound, { isPassed: true });
    if (key !== undefined) this.#passedKeys.add(key);
    return key;
  }

  /** As {@link addPassed}, of one that a daemon before this one has stored: {@link STORE_CLAIMANT} claims it. */
  addStored(bound: Bound): string | undefined {
    const key = this.#addGiven(bound, { isPassed: false });
    if (key !== undefined) this.#byKey.get(key)?.claim(STORE_CLAIMANT);
    return key;
  }

  /** Keys of all sockets that the first daemon was started with. */
  get passedKeys(): string[] {
    return [...this.#passedKeys];
  }

  /** Those of them that are here. */
  passed(): BoundListener[] {
    return [...this.#byKey.values()].filter(({ isPassed }) => isPassed);
  }

  /** Every socket that is held. */
  held(): BoundListener[] {
    return [...this.#byKey.values()];
  }

  list(): BoundListenerStatus[] {
    return Array.from(this.#byKey.values(), (listener) => listener.status());
  }

  /** Closes every socket, claimed or not. */
  closeAll(): void {
    for (const listener of this.#byKey.values()) listener.close();
    this.#byKey.clear();
  }

  #hold(listener: BoundListener): void {
    this.#byKey.set(listener.key, listener);
    this.emit('held', listener);
  }

  #addGiven(bound: Bound, origin: { isPassed: boolean }): string | undefined {
    const { key } = toKeyedAddress({ ipaddress: bound.address, port: bound.port });
    if (this.#byKey.has(key)) {
      bound.handle.close();
      return undefined;
    }
    this.#hold(new BoundListener(key, bound, origin));
    return key;
  }

  /** What was stored for another address of this port, which the conf had then, is neither in the way nor in its place. */
  #makeRoom({ key, address = '::', port }: KeyedAddress): void {
    if (isUdpKey(key)) return;
    for (const held of this.#byKey.values()) {
      const isInTheWay = held.key !== key && held.port === port && addressesOverlap(held.address, address);
      if (isInTheWay && held.isClaimedOnlyBy(STORE_CLAIMANT)) this.#remove(held);
    }
  }

  #add(wanted: KeyedAddress): BoundListener {
    const bound = this.#bindAny(wanted);
    const listener = new BoundListener(wanted.key, bound);
    // Two UDP sockets do conflict in the kernel.
    const rival = isUdpKey(wanted.key) ? undefined : this.#findRival(bound.address, bound.port);
    if (rival !== undefined) {
      // Merely bound sockets do not conflict in the kernel; the second listen(2) would fail in the master.
      listener.close();
      throw listenError(wanted, 'EADDRINUSE', `vhostd itself holds ${rival.key}, which it covers`);
    }
    this.#hold(listener);
    return listener;
  }

  #bindAny(wanted: KeyedAddress): Extract<NativeBindResult, { address: string }> {
    const bind = isUdpKey(wanted.key) ? udpBind : this.#bind;
    let result: NativeBindResult;
    if (wanted.address === undefined) {
      result = bind('::', wanted.port, 6);
      if (result.handle === undefined && NO_IPV6.has(result.errno)) result = bind('0.0.0.0', wanted.port, 4);
    } else {
      result = bind(wanted.address, wanted.port, wanted.address.includes(':') ? 6 : 4);
    }
    if (result.handle === undefined && result.errno === 'EADDRINUSE') this.emit('occupied', wanted.key);
    if (result.handle === undefined)
      throw listenError(wanted, result.errno, this.#passedInTheWay(wanted, result.errno));
    return result;
  }

  #passedInTheWay({ port }: KeyedAddress, errno: string): string | undefined {
    const passed = this.passed().find((one) => one.port === port);
    if (errno !== 'EADDRINUSE' || passed === undefined) return undefined;
    return `the socket ${passed.key} was passed to vhostd, and is in the way; let the conf name the same address`;
  }

  #findRival(address: string, port: number): BoundListener | undefined {
    for (const held of this.#byKey.values()) {
      if (isUdpKey(held.key)) continue;
      if (held.port === port && addressesOverlap(held.address, address)) return held;
    }
    return undefined;
  }

  #startGrace(listener: BoundListener): void {
    if (listener.isPassed) return;
    listener.graceStarted(this.#os.setTimer(() => this.#expire(listener), this.#graceMs, { ref: false }));
  }

  #expire(listener: BoundListener): void {
    const status = listener.status();
    this.#remove(listener);
    this.#onExpired(status);
  }

  #remove(listener: BoundListener): void {
    this.#byKey.delete(listener.key);
    listener.close();
    this.emit('closed', listener);
  }
}

/** Claims what was stored until the sites are loaded. */
export const STORE_CLAIMANT = 'store';

interface Bound {
  handle: BoundHandle;
  address: string;
  port: number;
}

/** Errors by which bind(2) to `::` says that this machine has no IPv6. */
const NO_IPV6: ReadonlySet<string> = new Set(['EAFNOSUPPORT', 'EADDRNOTAVAIL', 'EINVAL', 'EPROTONOSUPPORT']);

const CAUSES: Record<string, { code: ErrorCode; cause: string }> = {
  EADDRINUSE: {
    code: 'ERR_LISTEN_ADDRESS_IN_USE',
    cause: 'another process listens on it or on an address that covers it',
  },
  EACCES: {
    code: 'ERR_LISTEN_PERMISSION',
    cause:
      'ports below net.ipv4.ip_unprivileged_port_start (1024) need root, CAP_NET_BIND_SERVICE or a systemd socket unit',
  },
  EPERM: { code: 'ERR_LISTEN_PERMISSION', cause: 'a security policy forbids it' },
  EADDRNOTAVAIL: {
    code: 'ERR_LISTEN_ADDRESS',
    cause: 'no network interface of this machine has that address',
  },
  EAFNOSUPPORT: { code: 'ERR_LISTEN_ADDRESS', cause: 'this machine has no such address family' },
  EINVAL: { code: 'ERR_LISTEN_ADDRESS', cause: 'a link-local address needs its zone, such as fe80::1%eth0' },
  EMFILE: {
    code: 'ERR_LISTEN_FAILED',
    cause: 'the daemon is out of file descriptors (LimitNOFILE, ulimit -n)',
  },
};

function listenError(wanted: KeyedAddress, errno: string, cause?: string): VhostError {
  const known = CAUSES[errno] ?? { code: 'ERR_LISTEN_FAILED', cause: 'the kernel refused it' };
  return new VhostError(known.code, `cannot bind ${wanted.key} (${errno}): ${cause ?? known.cause}`, {
    info: { address: wanted.address ?? null, port: wanted.port, errno },
  });
}
