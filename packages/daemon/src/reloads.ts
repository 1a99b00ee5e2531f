// The reloads of one daemon, in their order with its upgrades: an upgrade waits for those that were asked for before
// it, and those that are asked for while it is under way wait for its end, so that none is undone by it.
import { VhostError } from '@vhostd/protocol';
import type { DaemonToMaster, MasterToDaemon, ReloadResult } from '@vhostd/protocol';
import type { Peer } from '@vhostd/transport';
import type { Logger } from 'pino';
import type { DaemonClient } from './control/daemon-client.js';
import { logOutcome } from './log.js';
import { ReloadQueue } from './reload-queue.js';
import { parseReloadResult } from './control/parse-reload.js';

/** The daemon as its reloads see it. */
export interface ReloadsHost {
  /** The living master's peer, or throws. */
  master(): Peer<DaemonToMaster, MasterToDaemon>;
  /** The daemon that has taken the place of this one. */
  successor(): DaemonClient;
  /** Is told what came of each reload. */
  readonly log: Logger;
}

export class Reloads {
  readonly #host: ReloadsHost;
  readonly #all: ReloadQueue<ReloadResult> = new ReloadQueue(() => this.#carryOut(undefined));
  /** All that have no outcome yet. */
  readonly #pending = new Set<Promise<unknown>>();
  /** Resolves when the upgrade that is under way is over. */
  #upgrade: Promise<void> | undefined;
  #isReplaced = false;
  #abandon: (error: Error) => void = () => undefined;
  readonly #abandoned: Promise<never>;

  constructor(host: ReloadsHost) {
    this.#host = host;
    this.#abandoned = new Promise((_resolve, reject) => {
      this.#abandon = reject;
    });
    this.#abandoned.catch(() => undefined);
  }

  /**
   * Reloads one site, or all, by whoever is in charge when it is its turn. Rejects with what {@link ReloadsHost.master}
   * throws, ERR_CALL_LOST, ERR_CALL_TIMEOUT, or the master's error; or as {@link DaemonClient.reload}.
   */
  request(siteId: string | undefined): Promise<ReloadResult> {
    const outcome = this.#inTurn(siteId);
    const ended = (): void => void this.#pending.delete(outcome);
    this.#pending.add(outcome);
    outcome.then(ended, ended);
    return outcome;
  }

  /**
   * Runs an upgrade between reloads, and gives its outcome: success means that another daemon is in charge.
   * `onWaiting` is called if there are reloads that it waits for. One upgrade at a time.
   */
  async upgrade<T>(run: () => Promise<T>, onWaiting: () => void): Promise<T> {
    if (this.#pending.size > 0) onWaiting();
    const outcome = Promise.allSettled(this.#pending).then(run);
    this.#upgrade = outcome
      .then(
        () => {
          this.#isReplaced = true;
        },
        () => undefined,
      )
      .then(() => {
        this.#upgrade = undefined;
      });
    return await outcome;
  }

  /** Waits no longer for what another daemon does: this one is to end. */
  abandon(): void {
    const message = 'this daemon is being stopped; the one that took its place may do the reload';
    this.#abandon(new VhostError('ERR_DAEMON_STATE', message));
  }

  /** Resolves when each has its outcome. */
  async settled(): Promise<void> {
    while (this.#pending.size > 0) await Promise.allSettled(this.#pending);
  }

  async #inTurn(siteId: string | undefined): Promise<ReloadResult> {
    if (this.#upgrade !== undefined) {
      this.#host.log.info({ event: 'reload.waiting', for: 'upgrade' });
      await this.#upgrade;
    }
    return await (siteId === undefined ? this.#all.request() : this.#carryOut(siteId));
  }

  #carryOut(siteId: string | undefined): Promise<ReloadResult> {
    return logOutcome(this.#host.log, 'reload', 'reloaded', this.#ask(siteId));
  }

  async #ask(siteId: string | undefined): Promise<ReloadResult> {
    if (this.#isReplaced) {
      return await Promise.race([this.#abandoned, this.#host.successor().reload(siteId)]);
    }
    const params = siteId === undefined ? {} : { siteId };
    const limit = { timeoutMs: RELOAD_LIMIT_MS };
    return parseReloadResult(await this.#host.master().request('reload', params, limit));
  }
}

/** A site boots within its own limit; this one holds for all of them, slot by slot. */
const RELOAD_LIMIT_MS = 3_600_000;
