// This process as the daemon that is to replace another one: starts a master that accepts nothing yet, reports what
// came of its sites, and takes over when told. Until then the other one is in charge; when that is gone, this ends.
import { setTimeout as delay } from 'node:timers/promises';
import { VhostError } from '@vhostd/protocol';
import { Deferred, Peer } from '@vhostd/transport';
import type { DaemonStatus, DaemonToCandidate, CandidateReport, CandidateToDaemon } from '@vhostd/protocol';
import type { Link } from '@vhostd/transport';
import type { LoadFailure } from '../daemon-options.js';
import type { BoundListeners } from '../listeners/bound-listeners.js';
import type { MasterSlot } from '../master/master-slot.js';
import { VERSION } from '../version.js';
import { receiveListeners } from './listener-transfer.js';

/** What a candidate needs of its daemon. */
export interface CandidateHost<T> {
  readonly slot: MasterSlot;
  readonly listeners: BoundListeners;
  status(): Promise<DaemonStatus>;
  /** Takes the run directory. */
  open(): Promise<T>;
  /** Lets go of it again. */
  close(taken: T): Promise<void>;
}

export class UpgradeCandidate<T> {
  /** What {@link CandidateHost.open} gave, once this is the daemon. Rejects when it will not be. */
  readonly taken: Promise<T>;
  /** The sites that failed to load, as the master told last. */
  failures: LoadFailure[] | undefined;
  readonly #host: CandidateHost<T>;
  readonly #peer: Peer<CandidateToDaemon, DaemonToCandidate>;
  readonly #taken = new Deferred<T>();
  readonly #loaded = new Deferred<void>();
  readonly #failed = new Deferred<never>();
  #taking = false;

  /** Begins to listen to the daemon at the other end of the link. */
  constructor(link: Link, host: CandidateHost<T>) {
    this.#host = host;
    this.taken = this.#taken.promise;
    this.#failed.promise.catch(() => undefined);
    this.#peer = new Peer(link, {
      name: 'the daemon that was to be replaced',
      onEnd: () => {
        if (!this.#taking) this.#abort();
      },
    });
    this.#peer.handle('ping', () => null);
    this.#peer.handle('begin', () => this.#begin());
    this.#peer.handle('takeOver', () => this.#takeOver());
    receiveListeners(this.#peer, host.listeners, CLAIMANT, 1);
    this.#peer.start();
  }

  /** The master has published every site but these. */
  onLoaded(failures: LoadFailure[]): void {
    this.failures = failures;
    this.#loaded.resolve();
  }

  /** The master can't be had, or is gone. The first reason counts. */
  fail(error: Error): void {
    this.#failed.reject(error);
  }

  async #begin(): Promise<CandidateReport> {
    const { slot } = this.#host;
    slot.hold();
    slot.start();
    this.#peer.notify('progress', { what: `its master, process ${slot.pid ?? 'none'}, loads the sites` });
    await Promise.race([this.#loaded.promise, this.#failed.promise]);
    // What ends in its first moments does not take over.
    await Promise.race([delay(SETTLE_MS), this.#failed.promise]);
    const { sites } = await this.#host.status();
    const running = sites.filter(({ state }) => SERVING.has(state)).map(({ siteId }) => siteId);
    const failed = sites.flatMap(({ siteId, state, reason = `it is ${state}` }) =>
      SERVING.has(state) ? [] : { siteId, reason },
    );
    return { pid: process.pid, version: VERSION, node: process.version, running, failed };
  }

  async #takeOver(): Promise<null> {
    this.#taking = true;
    const { slot, listeners } = this.#host;
    try {
      const taken = await this.#host.open();
      try {
        await slot.accept();
      } catch (error) {
        await this.#host.close(taken);
        throw error;
      }
      listeners.drop(CLAIMANT);
      this.#taken.resolve(taken);
      // Behind what follows this daemon's being one, such as telling its master.
      await delay(0);
      return null;
    } catch (error) {
      this.#abort();
      throw error;
    }
  }

  #abort(): void {
    this.#taken.reject(
      new VhostError('ERR_UPGRADE_FAILED', 'this daemon does not take the place of the other one'),
    );
  }
}

/** Holds the sockets until the master has taken what it needs. */
const CLAIMANT = 'upgrade';
/** States of sites that are as they should be. */
const SERVING: ReadonlySet<string> = new Set(['running', 'sleeping']);
/** How long a master must live after it has loaded, ms. */
const SETTLE_MS = 1000;
