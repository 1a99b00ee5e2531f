// How a site's workers are replaced by new ones: by a reload slot by slot, by a restart at once, or, where there are none,
// by those that are started next.
import { toWireError } from '@vhostd/protocol';
import type { ReloadResult, WireError } from '@vhostd/protocol';
import { isScheduledJob } from '../conf/cron.js';
import type { SiteConf } from '../conf/site-conf.js';
import { idleStopOf } from './idle-stop.js';
import { Reload } from './reload.js';
import type { ReloadConfs } from './reload.js';
import type { SiteParts, SiteWorkers } from './site-workers.js';

/** What a reload, or what was done in its stead, came to. */
export type ReloadOutcome = ReloadResult['sites'][number];

/** The parts of a site that its renewal concerns. */
export interface RenewedParts extends SiteParts {
  readonly workers: SiteWorkers;
}

export class SiteRenewal {
  readonly #parts: RenewedParts;
  #restart: Promise<unknown> | undefined;
  #beginning: Promise<ReloadOutcome> | undefined;

  constructor(parts: RenewedParts) {
    this.#parts = parts;
  }

  /** Resolves when what is under way is done, be it the boot. */
  get atWork(): Promise<unknown> {
    const { workers, boot } = this.#parts;
    return workers.reload?.outcome ?? this.#restart ?? boot.outcome;
  }

  /** The next generation in the place of the one that serves. The state is `reloading`. */
  async reload(): Promise<ReloadOutcome> {
    const { siteId, set, confs, workers, boot, trouble, state } = this.#parts;
    const next = set.beginNext(confs.wanted);
    const reload = new Reload(set, next, this.#reloadConfs(), () => workers.published());
    workers.reload = reload;
    if (confs.joint !== undefined) void confs.failureOf(confs.joint).then((error) => reload.fail(error));
    reload.run();
    const error = await reload.outcome;
    workers.reload = undefined;
    trouble.discarded = error;
    if (error === undefined) {
      trouble.failure = undefined;
      boot.succeed();
      workers.tellServed();
    }
    if (error === undefined) state.apply('reload-published');
    // Who waits for the site to be up must not take it for that in between.
    else state.apply(workers.anyReady ? 'reload-discarded' : 'renewal-in-vain');
    // What a discarded generation had replaced is started again.
    if (!state.stopping && workers.anyReady) workers.scale();
    workers.published();
    return outcomeOf(siteId, next.number, error);
  }

  /**
   * Takes the wanted conf and starts nothing, unless the site is to have workers from now on. Undefined: a connection has
   * started the old generation meanwhile, which is to be replaced now that it has booted.
   */
  async reloadIdle(): Promise<ReloadOutcome | undefined> {
    const { confs, workers, boot, trouble, state, set } = this.#parts;
    const wanted = await this.#takeWanted();
    if (wanted === undefined) return this.outcome(trouble.discarded);
    if (state.state !== 'idle') await boot.outcome;
    if (state.state !== 'idle') return undefined;
    trouble.discarded = undefined;
    set.renew(wanted);
    workers.tellServed();
    if (idleStopOf(confs.inForce) === undefined) state.apply('wake');
    return this.outcome(await boot.outcome);
  }

  /** A job that has begun takes its conf up; it is not begun a second time, nor cut short. */
  async takeUp(): Promise<ReloadOutcome> {
    const { confs, trouble, state } = this.#parts;
    if ((await this.#takeWanted()) !== undefined) trouble.discarded = undefined;
    // It has no times any more, and was never done.
    if (state.state === 'idle' && !isScheduledJob(confs.inForce)) return await this.beginAnew();
    return this.outcome(trouble.discarded);
  }

  /** A job that waits for its time is done now, or one that is finished is to be no job any more: once for all who ask. */
  async beginAnew(): Promise<ReloadOutcome> {
    this.#beginning ??= this.#beginAnew().finally(() => (this.#beginning = undefined));
    return await this.#beginning;
  }

  async #beginAnew(): Promise<ReloadOutcome> {
    const { boot, trouble, state, set } = this.#parts;
    const wanted = await this.#takeWanted();
    if (wanted === undefined) return this.outcome(trouble.discarded);
    // It may have come to its time by then.
    if (state.meaning.published !== 'yes') return this.outcome(await boot.outcome);
    set.renew(wanted);
    trouble.clear();
    boot.restart({ onDemand: false });
    state.apply('wake');
    return this.outcome(await boot.outcome);
  }

  /** All workers at once by new ones. The state is `restarting`. */
  async restart(): Promise<ReloadOutcome> {
    const restart = this.#replaceAll();
    this.#restart = restart;
    const error = await restart;
    this.#restart = undefined;
    return this.outcome(error ?? (await this.#parts.boot.outcome));
  }

  /** Of what concerned the generation in force. */
  outcome(error: WireError | undefined): ReloadOutcome {
    const { siteId, set } = this.#parts;
    return outcomeOf(siteId, set.current.number, error);
  }

  #reloadConfs(): ReloadConfs {
    const { confs } = this.#parts;
    const { joint } = confs;
    return {
      get inForce() {
        return confs.inForce;
      },
      joint: joint && { fail: (error) => confs.failJoint(joint, error) },
      commit: (next) => confs.commit(next),
      carriedOver: (conf) => confs.carriedOver(conf),
    };
  }

  /** Puts what the operator wants into force; undefined where it can't be, which is the site's trouble then. */
  async #takeWanted(): Promise<SiteConf | undefined> {
    const { confs, trouble } = this.#parts;
    try {
      return await confs.commitWanted();
    } catch (error) {
      trouble.discarded = toWireError(error);
      return undefined;
    }
  }

  /** Resolves when the first of the new workers is being started, or with why nothing was done. */
  async #replaceAll(): Promise<WireError | undefined> {
    const { workers, boot, trouble, state, set } = this.#parts;
    const wanted = await this.#takeWanted();
    if (wanted === undefined) {
      state.apply(workers.anyReady ? 'restart-discarded' : 'renewal-in-vain');
      workers.tell();
      return trouble.discarded;
    }
    await set.rest();
    if (state.state !== 'restarting') return STOPPED;
    trouble.clear();
    boot.reopen();
    set.renew(wanted);
    workers.tellServed();
    state.apply('workers-gone');
    return undefined;
  }
}

/** The outcome of a reload, or of what was done in its stead. */
export function outcomeOf(siteId: string, generation: number, error: WireError | undefined): ReloadOutcome {
  return { siteId, generation, ok: error === undefined, ...(error === undefined ? {} : { error }) };
}

/** What becomes of everything that a stopped site is asked for. */
export const STOPPED: WireError = { code: 'ERR_SITE_STOPPED', message: 'the site has been stopped' };
