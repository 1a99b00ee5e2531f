// This process as the daemon that is to replace another one: starts a master that accepts nothing yet, reports what
// came of its sites, and takes over when told. Until then the other one is in charge; when that is gone, this ends.
import { setTimeout as delay } from 'node:timers/promises';
import { VhostError } from '@vhostd/protocol';
import type { CandidateReport, CandidateToDaemon, DaemonToCandidate } from '@vhostd/protocol';
import type { ChildReason, ProcessIdentity } from '@vhostd/supervisor';
import { Deferred, Peer } from '@vhostd/transport';
import type { Link } from '@vhostd/transport';
import type { LoadFailure } from '../daemon-options.js';
import type { DaemonRuntime } from '../daemon-runtime.js';
import { receiveListeners } from '../listeners/listener-transfer.js';
import { VERSION } from '../version.js';
import { siteOutcomes } from './site-outcomes.js';

export class UpgradeCandidate {
  /** Resolves once this is the daemon, with the sites that failed to load. Rejects when it will not be. */
  readonly inCharge: Promise<LoadFailure[]>;
  readonly #runtime: DaemonRuntime;
  readonly #predecessor: ProcessIdentity;
  readonly #peer: Peer<CandidateToDaemon, DaemonToCandidate>;
  readonly #inCharge = new Deferred<LoadFailure[]>();
  readonly #loaded = new Deferred<void>();
  readonly #failed = new Deferred<never>();
  #failures: LoadFailure[] = [];
  #isTakingOver = false;

  /** Begins to listen to the daemon at the other end of the link, and to what the master tells. */
  constructor(runtime: DaemonRuntime, predecessor: ProcessIdentity, link: Link) {
    this.#runtime = runtime;
    this.#predecessor = predecessor;
    this.#failed.promise.catch(() => undefined);
    runtime.slot.on('loaded', this.#onLoaded).on('exit', this.#onExit).on('given-up', this.#onGivenUp);
    this.inCharge = this.#inCharge.promise.finally(() => this.#ignoreMaster());
    this.#peer = new Peer(link, {
      name: 'the daemon that was to be replaced',
      onEnd: () => {
        if (!this.#isTakingOver) this.#giveUp();
      },
    });
    this.#peer.handle('ping', () => null);
    this.#peer.handle('begin', () => this.#begin());
    this.#peer.handle('takeOver', () => this.#takeOver());
    receiveListeners(this.#peer, runtime.listeners, CLAIMANT, 1);
    this.#peer.start();
  }

  async #begin(): Promise<CandidateReport> {
    const { slot } = this.#runtime;
    slot.hold();
    slot.start();
    this.#peer.notify('progress', { what: `its master, process ${slot.pid ?? 'none'}, loads the sites` });
    await Promise.race([this.#loaded.promise, this.#failed.promise]);
    // What ends in its first moments does not take over.
    await Promise.race([delay(SETTLE_MS), this.#failed.promise]);
    return await this.#report();
  }

  async #report(): Promise<CandidateReport> {
    const { sites } = await this.#runtime.status();
    return { pid: process.pid, version: VERSION, node: process.version, ...siteOutcomes(sites) };
  }

  async #takeOver(): Promise<null> {
    this.#isTakingOver = true;
    const { slot, listeners } = this.#runtime;
    try {
      await this.#runtime.acquire(this.#predecessor);
      await slot.accept();
      listeners.drop(CLAIMANT);
      this.#inCharge.resolve(this.#failures);
      // Behind what follows this daemon's being one, such as telling its master.
      await delay(0);
      return null;
    } catch (error) {
      await this.#runtime.close();
      this.#giveUp();
      throw error;
    }
  }

  #giveUp(): void {
    const message = 'this daemon does not take the place of the other one';
    this.#inCharge.reject(new VhostError('ERR_UPGRADE_FAILED', message));
  }

  readonly #onLoaded = (failures: LoadFailure[]): void => {
    this.#failures = failures;
    this.#loaded.resolve();
  };

  readonly #onExit = ({ message }: ChildReason): void => {
    const error = new VhostError('ERR_UPGRADE_FAILED', `the master of the new daemon ${message}`);
    // Behind what the master may have said of its end.
    setImmediate(() => this.#failed.reject(error));
  };

  readonly #onGivenUp = (error: Error): void => this.#failed.reject(error);

  #ignoreMaster(): void {
    const { slot } = this.#runtime;
    slot.off('loaded', this.#onLoaded).off('exit', this.#onExit).off('given-up', this.#onGivenUp);
  }
}

/** Holds the sockets until the master has taken what it needs. */
const CLAIMANT = 'upgrade';
/** How long a master must live after it has loaded, ms. */
const SETTLE_MS = 1000;
