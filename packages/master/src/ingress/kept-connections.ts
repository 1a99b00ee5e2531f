// Connections between two requests whose site stands still: they are read from here, and their next byte brings them back
// to where connections enter.
import { readRaw, stopRaw } from '../node/raw-accept.js';
import type { Connection, Ingress } from './connection.js';

/** What becomes of them. */
export interface KeptOutcome {
  /** The next request has begun: with the bytes that have come of it. */
  onBytes(connection: Connection): void;
  /** A site has one less. */
  onLess(ingress: Ingress): void;
}

interface Kept {
  readonly connection: Connection;
  readonly ingress: Ingress;
  timer: NodeJS.Timeout | undefined;
}

export class KeptConnections {
  readonly #outcome: KeptOutcome;
  /** Of each site, in the order in which they came. */
  readonly #kept = new Map<Ingress, Set<Kept>>();
  #count = 0;

  constructor(outcome: KeptOutcome) {
    this.#outcome = outcome;
  }

  /** How many a site has. */
  countOf(ingress: Ingress): number {
    return this.#kept.get(ingress)?.size ?? 0;
  }

  /** How many all sites have. */
  get count(): number {
    return this.#count;
  }

  /** Keeps one of a site, from which nobody reads, for so long, ms. */
  keep(connection: Connection, ingress: Ingress, limitMs: number): void {
    const timer =
      limitMs <= TIMER_MAX_MS ? setTimeout(() => this.#end(kept), Math.max(1, limitMs)).unref() : undefined;
    const kept: Kept = { connection, ingress, timer };
    const ofSite = this.#kept.get(ingress) ?? new Set();
    this.#kept.set(ingress, ofSite.add(kept));
    this.#count += 1;
    const reading = readRaw(
      connection.handle,
      (chunk) => {
        if (chunk.length === 0) return true;
        this.#remove(kept);
        // The handle is stopped when this returns; only then may anyone else touch it.
        queueMicrotask(() => this.#outcome.onBytes({ ...connection, head: chunk.toString('latin1') }));
        return false;
      },
      () => this.#end(kept),
    );
    if (!reading) this.#end(kept);
  }

  /** Takes all of a site out; nobody reads from them. */
  takeOf(ingress: Ingress): Connection[] {
    return [...(this.#kept.get(ingress) ?? [])].map((kept) => {
      this.#remove(kept);
      stopRaw(kept.connection.handle);
      return kept.connection;
    });
  }

  /** Their site has gone: the next request of each, within so long, ms, is for whoever has its host by then. */
  leave(ingress: Ingress, limitMs: number): void {
    for (const kept of this.#kept.get(ingress) ?? []) {
      clearTimeout(kept.timer);
      kept.timer = setTimeout(() => this.#end(kept), limitMs).unref();
    }
  }

  /** Ends the one that has been here longest of the site that has most. False: there is none. */
  endOldest(): boolean {
    let most: ReadonlySet<Kept> = new Set();
    for (const ofSite of this.#kept.values()) if (ofSite.size > most.size) most = ofSite;
    const [oldest] = most;
    if (oldest !== undefined) this.#end(oldest);
    return oldest !== undefined;
  }

  #end(kept: Kept): void {
    if (this.#kept.get(kept.ingress)?.has(kept) !== true) return;
    this.#remove(kept);
    stopRaw(kept.connection.handle);
    kept.connection.handle.close();
  }

  #remove(kept: Kept): void {
    const { ingress, timer } = kept;
    clearTimeout(timer);
    const ofSite = this.#kept.get(ingress);
    if (ofSite?.delete(kept) === true) this.#count -= 1;
    if (ofSite?.size === 0) this.#kept.delete(ingress);
    this.#outcome.onLess(ingress);
  }
}

/** The longest time of a timer; Node takes a longer one for 1 ms. */
const TIMER_MAX_MS = 2 ** 31 - 1;
