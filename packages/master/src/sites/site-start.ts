// How a site comes up: it gets its places, waits for the sites that it depends on, and has its first workers started; or
// it goes on with what served under another master.
import { fromWireError, toWireError } from '@vhostd/protocol';
import type { WireError } from '@vhostd/protocol';
import { isScheduledJob } from '../conf/cron.js';
import type { SiteConf } from '../conf/site-conf.js';
import type { EventPayloads } from '../events.js';
import type { RoutedSite } from '../routing/router.js';
import type { Spawner } from '../workers/worker-spawner.js';
import { startsOnDemand } from './idle-stop.js';
import type { JointChange } from './joint-change.js';
import { missingOf } from './readiness.js';
import type { MissingSites, Readiness, SiteDirectory } from './readiness.js';
import { STOPPED } from './site-renewal.js';
import type { RenewedParts } from './site-renewal.js';

/** The parts of a site that its start concerns. */
export interface StartedParts extends RenewedParts {
  readonly spawner: Spawner;
  readonly directory: SiteDirectory;
}

export class SiteStart {
  readonly #parts: StartedParts;
  /** It is a job that was done under another master. */
  #finished = false;
  #missing: MissingSites = { siteIds: [], failure: undefined };

  constructor(parts: StartedParts) {
    this.#parts = parts;
  }

  /** The sites that it waits for. */
  get waitsFor(): readonly string[] {
    return this.#parts.state.state === 'waiting' ? this.#missing.siteIds : [];
  }

  /** How it stands, for whoever waits for it. An idle site is there: a connection to it starts it. A job is when it is done. */
  get readiness(): Readiness {
    const { siteId, state: machine, confs, ingress, boot, trouble } = this.#parts;
    const { published, serves } = machine.meaning;
    const conf = confs.inForce;
    if (machine.stopping) return { siteId, published: false, failure: STOPPED };
    // Nobody waits for what comes again and again.
    if (isScheduledJob(conf) && machine.begun) return { siteId, published: true };
    const isServed =
      published === 'by-worker' && conf.autorestart && ingress.candidates().some(({ ready }) => ready);
    if (isServed || published === 'yes') return { siteId, published: true };
    const failure = boot.failure ?? (serves === 'never' ? trouble.failure : undefined);
    return { siteId, published: false, ...(failure === undefined ? {} : { failure }) };
  }

  /** Goes on with what served under another master, if the operator wants the same and nothing has been started. */
  restore({ conf, generation: number, release, finished }: EventPayloads['site.served']): void {
    const { state, confs, set } = this.#parts;
    const { wanted } = confs;
    if (state.state !== 'loaded' || JSON.stringify(conf) !== JSON.stringify(wanted)) return;
    set.prepare(wanted, { number, release });
    this.#finished = finished === true;
  }

  /**
   * Puts the site's conf into force and boots it once its dependencies are published; resolves with why it could not
   * be published, which it may be later on. With a joint change it boots first, and gets its places with the others.
   */
  async bringUp(joint?: JointChange<RoutedSite>): Promise<WireError | undefined> {
    const { state, confs, boot } = this.#parts;
    const wasStopped = state.state === 'stopped';
    if (wasStopped) this.#startOver();
    const answer = state.apply('start');
    if (answer === 'being-stopped') return STOPPED;
    if (answer !== 'ok') return await boot.outcome;
    this.#prepare(confs.wanted);
    if (joint === undefined) return await this.#bringUpAlone(wasStopped);
    return await confs.jointly(joint, () => this.#bringUpJointly(joint));
  }

  /** Another site has changed: it may be one that this one waits for. */
  look(): void {
    const { state, confs, directory, boot } = this.#parts;
    if (state.state !== 'waiting') return;
    const conf = confs.inForce;
    const missing = missingOf(conf.dependencies.map((siteId) => directory.readinessOf(siteId)));
    const changed = missing.failure?.message !== this.#missing.failure?.message;
    this.#missing = missing;
    if (missing.siteIds.length > 0) {
      boot.fail(missing.failure);
      if (changed) state.apply('dependencies-missing');
      return;
    }
    boot.reopen();
    const isLater = startsOnDemand(conf) || isScheduledJob(conf);
    if (!this.#finished) state.apply(isLater ? 'none-wanted' : 'dependencies-ready');
    else if (state.apply('workers-finished') === 'ok') boot.succeed();
  }

  async #bringUpAlone(wasStopped: boolean): Promise<WireError | undefined> {
    const { state, confs, boot, trouble, spawner } = this.#parts;
    try {
      // Another call of this may have started it by then.
      spawner.check(confs.wanted);
      await confs.commit(() => {
        if (!state.starting) return confs.inForce;
        return wasStopped ? confs.carriedOver(confs.wanted) : confs.wanted;
      });
    } catch (error) {
      if (!state.starting) return await boot.outcome;
      trouble.failure = toWireError(error);
      state.apply('places-failed');
      return trouble.failure;
    }
    if (state.starting) {
      trouble.failure = undefined;
      this.#prepare(confs.inForce);
      // A failure to get this far has been told; now it is tried again.
      boot.reopen();
      state.apply('placed');
      this.look();
    }
    return state.stopping ? STOPPED : await boot.outcome;
  }

  /** It gets its places when it serves: until then the hosts that move are answered by those who have them. */
  async #bringUpJointly(joint: JointChange<RoutedSite>): Promise<WireError | undefined> {
    const { state, confs, boot, trouble } = this.#parts;
    trouble.clear();
    boot.reopen();
    confs.adopt(confs.wanted);
    state.apply('placed');
    this.look();
    const failure = await Promise.race([boot.outcome, confs.failureOf(joint)]);
    if (failure !== undefined) {
      confs.failJoint(joint, failure);
      await this.#block(failure);
      return failure;
    }
    try {
      await confs.commit(() => {
        if (!this.readiness.published) throw fromWireError(trouble.failure ?? STOPPED);
        return confs.inForce;
      });
    } catch (error) {
      const wire = toWireError(error);
      await this.#block(wire);
      return wire;
    }
    return undefined;
  }

  /** It has no places: its workers, which would serve nobody, leave until it can have them. */
  async #block(failure: WireError): Promise<void> {
    const { state, trouble, workers } = this.#parts;
    if (state.stopping) return;
    await workers.stop(false);
    if (state.state !== 'stopped') return;
    this.#startOver();
    state.apply('start');
    trouble.failure = failure;
    state.apply('places-failed');
  }

  #prepare(conf: SiteConf): void {
    this.#parts.set.prepare(conf);
    this.#parts.workers.tellServed();
  }

  /** Nothing of its life before counts. */
  #startOver(): void {
    const { set, confs, boot, trouble } = this.#parts;
    this.#finished = false;
    set.renew(confs.wanted);
    boot.restart({ onDemand: false });
    trouble.clear();
  }
}
