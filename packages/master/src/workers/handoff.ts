// The connections that were given to one worker and that it has not confirmed yet. The master keeps its copy of
// each until then, so that a worker's death costs none of them.
import { CONFIRM_EACH_COUNT, encodeConnection, FrameKind, nativeCalls } from '@vhostd/transport';
import type { BatchSender, ConnectionHeader, Link, Offers } from '@vhostd/transport';
import type { Connection } from '../ingress/connection.js';

/** What a confirmation came to. */
export type Confirmation =
  | { kind: 'ok'; acceptedCount: number; /** New ones that it accepted by itself. */ directCount: number }
  | { kind: 'violation'; detail: string };

export class Handoff {
  readonly #link: Link;
  readonly #offers: Offers | undefined;
  readonly #onLate: () => void;
  #pending: { id: number; connection: Connection; givenMs: number }[] = [];
  #lastId = 0;
  /** The last one that did not go in a batch. */
  #lastOffered = 0;
  #givenCount = 0;
  readonly #listenerKeys = new Set<string>();
  #reportedCount = 0;
  #suspect = false;
  #watch: NodeJS.Timeout | undefined;

  /** `onLate` is called while a connection is {@link late}, again and again. */
  constructor(link: Link, offers?: Offers, onLate: () => void = () => undefined) {
    this.#link = link;
    this.#offers = offers;
    this.#onLate = onLate;
  }

  /** Connections that the worker holds or has been given. */
  get connectionCount(): number {
    return this.#reportedCount + this.#pending.length;
  }

  /** Connections that the worker has not confirmed. */
  get pendingCount(): number {
    return this.#pending.length;
  }

  /** Those that it may confirm yet, or leave behind by its death: who has not for so long is stuck. */
  get awaitedCount(): number {
    const oldestMs = performance.now() - AWAITED_MS;
    return this.#pending.filter(({ givenMs }) => givenMs > oldestMs).length;
  }

  /** Connections that the worker was ever given. */
  get givenCount(): number {
    return this.#givenCount;
  }

  /** Whether it was ever given a connection that came in at a listener. */
  gaveOf(listenerKey: string): boolean {
    return this.#listenerKeys.has(listenerKey);
  }

  /** Whether a connection has waited for its confirmation for so long that the worker is busy with something else. */
  get late(): boolean {
    const [oldest] = this.#pending;
    return oldest !== undefined && performance.now() - oldest.givenMs > LATE_MS;
  }

  /** Whether it has not confirmed so many that another one would wait behind them, while another worker may be free. */
  get ahead(): boolean {
    return this.#pending.length >= AHEAD_COUNT;
  }

  /** Whether another connection may be given. */
  get open(): boolean {
    return this.#link.open && this.#pending.length < PENDING_MAX_COUNT;
  }

  /** Sends a connection. False: it could not be sent, and is still the caller's. */
  give(connection: Connection): boolean {
    if (!this.open) return false;
    const id = (this.#lastId + 1) >>> 0;
    const { batches } = this.#link;
    const isSent =
      batches?.active === true ? this.#batch(id, connection, batches) : this.#send(id, connection);
    if (!isSent) return false;
    this.#givenCount += 1;
    this.#listenerKeys.add(connection.listener.key);
    this.#pending.push({ id, connection, givenMs: performance.now() });
    this.#watchConfirmations(LATE_MS);
    return true;
  }

  #batch(id: number, connection: Connection, batches: BatchSender): boolean {
    const payload = encodeConnection(id, headerOf(connection), connection.unread ? '' : connection.head);
    if (!batches.send(id, payload, connection.handle)) return false;
    this.#lastId = id;
    return true;
  }

  #send(id: number, connection: Connection): boolean {
    if (this.#offers?.offer(id) === false) return false;
    // A number that was offered is never another connection's.
    this.#lastId = id;
    this.#lastOffered = id;
    takeHead(connection);
    const payload = encodeConnection(id, headerOf(connection), connection.head);
    return this.#link.send(FrameKind.connection, payload, connection.handle);
  }

  /**
   * Takes the worker's word that it has every connection up to a number, how many it has now, and how many of them it
   * has accepted by itself since it last said so.
   */
  onAccepted(payload: Buffer): Confirmation {
    if (payload.length !== 8 && payload.length !== 12)
      return { kind: 'violation', detail: 'a confirmation of the wrong length' };
    const directCount = payload.length === 12 ? payload.readUInt32BE(8) : 0;
    const upTo = payload.readUInt32BE(0);
    this.#reportedCount = payload.readUInt32BE(4);
    if (this.#isOld(upTo)) return { kind: 'ok', acceptedCount: 0, directCount };
    const index = this.#pending.findIndex(({ id }) => id === upTo);
    if (index === -1)
      return { kind: 'violation', detail: `a confirmation of connection ${upTo}, which it was not given` };
    if (this.#isAnyUnsent(index))
      return { kind: 'violation', detail: `a confirmation of connection ${upTo}, which it was not sent` };
    const accepted = this.#pending.splice(0, index + 1);
    let good = true;
    for (const { connection } of accepted) good = this.#close(connection) && good;
    if (!good) return { kind: 'violation', detail: 'a connection whose closing waits' };
    return { kind: 'ok', acceptedCount: accepted.length, directCount };
  }

  /** Takes the worker's word that these arrived without their descriptor; returns them. */
  onLost(payload: Buffer): Connection[] {
    const lost: Connection[] = [];
    for (let offset = 0; offset + 4 <= payload.length; offset += 4) {
      const lostId = payload.readUInt32BE(offset);
      const index = this.#pending.findIndex(({ id }) => id === lostId);
      const [entry] = index === -1 ? [] : this.#pending.splice(index, 1);
      if (entry === undefined) continue;
      this.#link.batches?.forget(new Set([lostId]));
      lost.push(entry.connection);
    }
    return lost;
  }

  /** What the worker has not begun with, in order: it will not, from now on. Empty where that cannot be known. */
  retract(): Connection[] {
    if (this.#offers === undefined) return [];
    const numbers = this.#offers.takeBack(this.#lastOffered);
    for (const number of this.#link.batches?.takeBack() ?? []) numbers.add(number);
    if (numbers.size === 0) return [];
    const isBack = ({ id }: { id: number }): boolean => numbers.has(id);
    const back = this.#pending.filter(isBack).map(({ connection }) => connection);
    this.#pending = this.#pending.filter((entry) => !isBack(entry));
    return back;
  }

  /**
   * The worker is dead: what it had not begun with, in order; where that cannot be known, what it never confirmed. The
   * rest is closed.
   */
  takeBack(): {
    connections: Connection[];
    /** Those that it had and never confirmed. */ acceptedCount: number;
  } {
    clearTimeout(this.#watch);
    // The worker may have had them, and have changed how they close.
    for (const { connection } of this.#pending) nativeCalls()?.disarm(connection.handle.fd);
    const connections =
      this.#offers === undefined
        ? this.#pending.splice(0).map(({ connection }) => connection)
        : this.retract();
    const begun = this.#pending.splice(0);
    for (const { connection } of begun) connection.handle.close();
    return { connections, acceptedCount: begun.length };
  }

  /** Whether any of the first of those that wait is still here: its descriptor may be another one's when it is sent. */
  #isAnyUnsent(lastIndex: number): boolean {
    const { batches } = this.#link;
    return (
      batches?.hasUnsent === true &&
      this.#pending.some(({ id }, index) => index <= lastIndex && batches.isUnsent(id))
    );
  }

  #watchConfirmations(delayMs: number): void {
    if (this.#offers === undefined || this.#watch !== undefined) return;
    // Behind what can be read in the same turn: the worker is not late because this process was kept from running.
    this.#watch = setTimeout(() => setImmediate(() => this.#lookForLate()), delayMs);
    this.#watch.unref();
  }

  #lookForLate(): void {
    this.#watch = undefined;
    if (this.late) this.#onLate();
    const [oldest] = this.#pending;
    if (oldest === undefined) return;
    const restMs = oldest.givenMs + LATE_MS - performance.now();
    this.#watchConfirmations(restMs > 0 ? restMs + 1 : LATE_MS);
  }

  /**
   * Closes what the worker has by now. Where the worker has closed its own, and made the socket linger before, this
   * close is the one that waits, until the watchdog ends it. One that takes long may be this process's own delay; it
   * makes the worker a suspect, of whom every other one is looked at. False: it would have waited.
   */
  #close({ handle }: Connection): boolean {
    const lingers = this.#suspect && nativeCalls()?.disarm(handle.fd) === true;
    const startMs = performance.now();
    handle.close();
    this.#suspect ||= performance.now() - startMs > CLOSE_LIMIT_MS;
    return !lingers;
  }

  /** Whether a number is before everything that waits. Numbers wrap at 2^32. */
  #isOld(id: number): boolean {
    const oldest = this.#pending[0]?.id ?? (this.#lastId + 1) >>> 0;
    const distance = (oldest - id) >>> 0;
    return distance > 0 && distance < 0x8000_0000;
  }
}

/** Far longer than a close takes, and shorter than the watchdog lets one wait, ms. */
const CLOSE_LIMIT_MS = 60;

/** What was only looked at is taken, for a worker that gets it along. */
function takeHead(connection: Connection): void {
  if (connection.unread !== true) return;
  nativeCalls()?.batches.discard(connection.handle.fd, connection.head.length);
  connection.unread = false;
}

function headerOf({ listener, host, secure, head, handedBack, proxied }: Connection): ConnectionHeader {
  return {
    listener: listener.key,
    secure,
    // What comes back with bytes has been read like what comes first.
    peeked: head !== '',
    handedBack,
    host: host ?? undefined,
    ...proxied,
  };
}

/** Twice as many as a worker confirms at once: it is given others while it begins with these. */
const AHEAD_COUNT: number = 2 * CONFIRM_EACH_COUNT;
/** A worker whose event loop turns confirms within a few ms. */
const LATE_MS = 50;
/** How long a confirmation is worth waiting for, ms: a busy worker's event loop turns again by then, or it is replaced. */
const AWAITED_MS = 10_000;
/** Connections that may wait in one worker's pipe; a worker that confirms none of them is stuck. */
const PENDING_MAX_COUNT = 2000;
