// One listening address that the daemon holds bound, and who has a claim on it. Pure bookkeeping over one handle.
import type { OsTimer } from '@vhostd/supervisor';
import type { BoundHandle } from '@vhostd/transport';

/** What a claimant gets: enough to listen on the socket and to name it again. */
export interface BoundAddress {
  /** Names this socket for as long as it is held, whatever port the kernel chose. */
  key: string;
  /** The address that it is bound to, as the kernel reports it. */
  address: string;
  /** The port that it is bound to: never 0. */
  port: number;
  /** To be sent over the claimant's IPC channel. Stays open here; never close it, {@link BoundListener} owns it. */
  handle: BoundHandle;
}

/** A line of a status report. */
export interface BoundListenerStatus {
  key: string;
  address: string;
  port: number;
  /** Claimant → how many times it acquired this address without releasing it. */
  claims: Record<string, number>;
  /** True while nobody claims it and it waits for the end of its grace time. */
  orphaned: boolean;
}

/** A bound socket with its claims. It closes its handle once, in {@link BoundListener.close}. */
export class BoundListener implements BoundAddress {
  readonly key: string;
  readonly address: string;
  readonly port: number;
  readonly handle: BoundHandle;
  /** It came from who started vhostd and keeps it, too: it stays open without a claim. */
  readonly isPassed: boolean;
  readonly #claims = new Map<string, number>();
  #grace: OsTimer | undefined;
  #closed = false;

  constructor(
    key: string,
    bound: { address: string; port: number; handle: BoundHandle },
    { isPassed = false }: { isPassed?: boolean } = {},
  ) {
    this.key = key;
    this.isPassed = isPassed;
    this.address = bound.address;
    this.port = bound.port;
    this.handle = bound.handle;
  }

  get claimed(): boolean {
    return this.#claims.size > 0;
  }

  isClaimedOnlyBy(claimant: string): boolean {
    return this.#claims.size === 1 && this.#claims.has(claimant);
  }

  /** Adds a claim and ends the grace time, if one was running. */
  claim(claimant: string): void {
    this.#claims.set(claimant, (this.#claims.get(claimant) ?? 0) + 1);
    this.#grace?.cancel();
    this.#grace = undefined;
  }

  /** Takes one claim back. False if that claimant has none. */
  unclaim(claimant: string): boolean {
    const count = this.#claims.get(claimant);
    if (count === undefined) return false;
    if (count === 1) this.#claims.delete(claimant);
    else this.#claims.set(claimant, count - 1);
    return true;
  }

  /** Takes every claim of one claimant back. False if it had none. */
  unclaimAll(claimant: string): boolean {
    return this.#claims.delete(claimant);
  }

  /** Nobody claims it and this timer will close it, unless a claim or {@link close} cancels the timer first. */
  graceStarted(timer: OsTimer): void {
    this.#grace?.cancel();
    this.#grace = timer;
  }

  /** Closes this process's descriptor. Clients in the backlog are reset once no other process holds the socket. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#grace?.cancel();
    this.#grace = undefined;
    this.#claims.clear();
    this.handle.close();
  }

  status(): BoundListenerStatus {
    return {
      key: this.key,
      address: this.address,
      port: this.port,
      claims: Object.fromEntries(this.#claims),
      orphaned: !this.claimed,
    };
  }
}
