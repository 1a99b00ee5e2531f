// One site: its conf in force, the generation that serves, the one that may follow, those that drain.
import { availableParallelism } from 'node:os';
import { toWireError } from '@vhostd/protocol';
import type { MaintenancePage, SiteState, SiteStatus, WireError } from '@vhostd/protocol';
import type { ChildReason } from '@vhostd/supervisor';
import type { Connection } from '../accept/connection.js';
import type { SiteConf } from '../conf/site-conf.js';
import { Entrance } from './entrance.js';
import { FirstBoot } from './first-boot.js';
import { Generation, failureOf } from './generation.js';
import type { GenerationHost } from './generation.js';
import { Reload } from './reload.js';
import type { ReloadHost, ReloadOutcome } from './reload.js';
import type { Slot } from './slot.js';
import { idleStopOf } from './slumber.js';

/** What a site needs of the master around it. */
export interface SiteHost {
  /** Everything about workers that does not concern the site's own state. */
  readonly workers: Omit<GenerationHost, SiteEvent>;
  /** Puts a generation's staged conf into force. */
  commit(site: Site, conf: () => SiteConf): Promise<void>;
  /** Ends a connection that nobody will serve; `page`: the site is in maintenance. */
  giveUp(connection: Connection, page?: MaintenancePage): void;
  /** A connection that a worker had been given goes to another one. */
  onGivenAgain(): void;
  /** A connection that a draining worker handed back goes to another one. */
  onHandedBack(): void;
  /** The site has been put to sleep, or woken. */
  onSlumber(asleep: boolean): void;
  /** The site's state, or a worker of it, has changed. */
  onChange(site: Site): void;
}

/** What a site itself answers for. */
type SiteEvent =
  'onReady' | 'onExit' | 'onErrored' | 'onStopped' | 'onReturned' | 'onHandedBack' | 'wantsHandedBack';

export class Site {
  readonly siteId: string;
  readonly #host: SiteHost;
  /** How connections get in: also what an operator holds or answers. */
  readonly entrance: Entrance;
  readonly #draining = new Set<Slot>();
  #conf: SiteConf;
  #wanted: SiteConf;
  #current: Generation;
  #reload: Reload | undefined;
  #lastNumber = 1;
  #started = false;
  #stopping = false;
  /** Why the site is not up. */
  #failure: WireError | undefined;
  /** Why the last reload failed. */
  #discarded: WireError | undefined;
  /** The one reload behind what is at work now. */
  #following: Promise<ReloadOutcome> | undefined;
  #bootFailureCount = 0;
  #firstBoot: FirstBoot | undefined;
  /** It boots because of a connection. */
  #waking = false;

  constructor(conf: SiteConf, host: SiteHost) {
    this.siteId = conf.siteId;
    this.#conf = conf;
    this.#wanted = conf;
    this.entrance = new Entrance(conf, {
      takers: () => (this.#reload === undefined ? this.#current.slots : this.#reload.serving()),
      slots: () => this.slots(),
      hopeless: () => !this.#hasFuture(),
      settled: () => this.#settled(),
      giveUp: (connection, page) => host.giveUp(connection, page),
      onAsleep: () => this.#onAsleep(),
      onWoken: () => this.#onWoken(),
      onChange: () => host.onChange(this),
    });
    this.#host = {
      ...host,
      onChange: () => {
        this.entrance.look();
        host.onChange(this);
      },
    };
    this.#current = this.#newGeneration(1, conf);
  }

  /** The conf in force: what the operator gave, changed by what workers asked for. */
  get conf(): SiteConf {
    return this.#conf;
  }

  get generation(): number {
    return this.#current.number;
  }

  /** Changes the conf in force; the worker count follows. Routing and listeners are the caller's. */
  setConf(conf: SiteConf): void {
    this.#conf = conf;
    this.entrance.setConf(conf);
    if (this.#started && !this.#stopping && this.#reload === undefined && this.#firstReady()) this.#scale();
  }

  /** What the operator wants from the next generation on. */
  setWanted(conf: SiteConf): void {
    this.#wanted = conf;
  }

  /** Whether it could not be started because its listeners or places can't be had. */
  get unlistened(): boolean {
    return !this.#started && !this.#stopping && this.#failure !== undefined;
  }

  /** Whether a worker serves, or is started as soon as there is something to serve. */
  get running(): boolean {
    return ['running', 'sleeping'].includes(this.#state());
  }

  /** Puts the site's conf into force and boots it; resolves with why it could not be published. */
  async bringUp(): Promise<WireError | undefined> {
    let conf = this.#wanted;
    try {
      await this.#host.commit(this, () => (conf = this.#wanted));
    } catch (error) {
      this.#failure = toWireError(error);
      this.#host.onChange(this);
      return this.#failure;
    }
    this.#failure = undefined;
    if (this.#stopping) return STOPPED;
    if (!this.#started && this.#current.conf !== conf) this.#current = this.#newGeneration(1, conf);
    return await this.#start();
  }

  /** Boots the first generation. Resolves once it is published, or has failed a few times: with its error. */
  #start(): Promise<WireError | undefined> {
    if (this.#firstBoot === undefined) {
      this.#started = true;
      this.#firstBoot = new FirstBoot();
      // A site whose conf names no hosts is booted to learn them: no connection could wake it.
      if (this.#conf.cpuLen === 0 && this.#conf.listen.length > 0) {
        this.entrance.fallAsleep();
        this.#firstBoot.settle(undefined);
      } else this.#current.grow(1);
    }
    return this.#firstBoot.outcome;
  }

  /** Its workers leave; a connection starts those that follow, of the same generation. */
  #onAsleep(): void {
    // Some of its slots may not have come up yet, and will not now.
    this.#firstBoot?.settle(undefined);
    for (const slot of this.#current.shrink(0)) {
      if (slot.resting) continue;
      this.#draining.add(slot);
      void slot.stop();
    }
    this.#host.onSlumber(true);
    this.#host.onChange(this);
  }

  /** Boots a site that slept. However many connections ask for it, that is one worker at first. */
  #onWoken(): void {
    this.#waking = true;
    this.#failure = undefined;
    this.#bootFailureCount = 0;
    this.#firstBoot = new FirstBoot();
    this.#current.grow(1);
    this.#host.onSlumber(false);
    this.#host.onChange(this);
  }

  /**
   * Replaces the workers by new ones of the code that is on disk now. One that is asked for before the first worker
   * is spawned is the first boot; while that, or another reload, is at work, one more follows it, however often it
   * is asked for.
   */
  async reload(): Promise<ReloadOutcome> {
    if (this.#stopping) return this.#outcome(STOPPED);
    if (!this.#started) return this.#outcome(await this.bringUp());
    if (this.entrance.asleep) return await this.#reloadAsleep();
    const atWork = this.#firstBoot?.open === true ? this.#firstBoot.outcome : this.#reload?.run();
    if (atWork === undefined) return await this.#startReload();
    this.#following ??= atWork.then(() => {
      this.#following = undefined;
      return this.reload();
    });
    return await this.#following;
  }

  /** Drains every worker. With `now` they are killed. */
  async stop(now: boolean): Promise<void> {
    this.#stopping = true;
    this.#firstBoot?.settle(STOPPED);
    this.#reload?.cancel();
    this.entrance.close();
    await Promise.all(this.slots().map((slot) => slot.stop(now)));
    this.#host.onChange(this);
  }

  /** Gives a connection to a worker, or parks it, or gives it up. */
  serve(connection: Connection): void {
    this.entrance.serve(connection);
  }

  status(hosts: string[]): SiteStatus {
    const reason = this.#failure ?? this.#discarded;
    return {
      siteId: this.siteId,
      state: this.#state(),
      generation: this.#current.number,
      hosts,
      workers: this.slots().map((slot) => slot.status()),
      ...this.entrance.status(),
      ...(reason === undefined ? {} : { reason: reason.message }),
    };
  }

  /** The slots that run now, draining ones included. */
  slots(): Slot[] {
    return [...this.#current.slots, ...(this.#reload?.next.slots ?? []), ...this.#draining];
  }

  /** The conf that comes into force together with the generation of this slot; `undefined` once it is. */
  stagedConf(slot: Slot): SiteConf | undefined {
    const next = this.#reload?.next;
    if (next === undefined || next.inForce || !next.slots.includes(slot)) return undefined;
    return next.staged ?? next.conf;
  }

  /** Changes {@link stagedConf}. */
  stage(conf: SiteConf): void {
    if (this.#reload !== undefined) this.#reload.next.staged = conf;
  }

  #newGeneration(number: number, conf: SiteConf): Generation {
    return new Generation(number, conf, {
      ...this.#host.workers,
      onAccepted: (count) => {
        this.#host.workers.onAccepted(count);
        this.entrance.look();
      },
      onReady: (generation, slot) => this.#onReady(generation, slot),
      onExit: (generation, slot, reason) => this.#onExit(generation, slot, reason),
      onErrored: (generation, slot, reason) => this.#onErrored(generation, slot, reason),
      onStopped: (slot) => {
        this.#draining.delete(slot);
        this.#host.onChange(this);
      },
      onReturned: (connections, why) => {
        connections.forEach(() => this.#host.onGivenAgain());
        this.entrance.serveAgain(connections, why);
      },
      wantsHandedBack: () => this.entrance.wantsHandedBack,
      onHandedBack: (connection) => {
        this.#host.onHandedBack();
        this.entrance.serveHandedBack(connection);
      },
    });
  }

  #onReady(generation: Generation, slot: Slot): void {
    this.entrance.onReady(slot);
    if (this.#reload?.next === generation) this.#reload.onReady(slot);
    else if (generation === this.#current) {
      this.#failure = undefined;
      this.#waking = false;
      if (this.#reload === undefined) this.#scale();
      if (generation.slots.every((other) => other.ready || other.errored)) this.#firstBoot?.settle(undefined);
    }
    this.entrance.flush();
    this.#host.onChange(this);
  }

  #onExit(generation: Generation, slot: Slot, reason: ChildReason): void {
    if (this.#reload?.next === generation) this.#reload.onExit(failureOf(slot, reason));
    else if (generation === this.#current && !this.#stopping && !this.#draining.has(slot)) {
      if (!this.#firstReady()) this.#onBootFailure(failureOf(slot, reason), reason.what === 'boot-limit');
    }
    this.#host.onChange(this);
  }

  /** A first generation that does not come up is told of soon; the restart policy goes on trying. */
  #onBootFailure(failure: WireError, slow: boolean): void {
    this.#failure = failure;
    this.#bootFailureCount += 1;
    if (this.#waking) this.entrance.giveUpWaiting();
    if (slow || this.#bootFailureCount >= BOOT_FAILURES_TOLD) this.#firstBoot?.settle(failure);
  }

  #onErrored(generation: Generation, slot: Slot, reason: ChildReason): void {
    if (generation !== this.#current) return;
    const failure = failureOf(slot, reason);
    this.#failure = failure;
    if (generation.slots.every((other) => other.errored)) {
      this.entrance.giveUpWaiting();
      this.#firstBoot?.settle(failure);
    } else if (generation.slots.every((other) => other.ready || other.errored))
      this.#firstBoot?.settle(undefined);
    this.#host.onChange(this);
  }

  /** Makes the current generation as large as the conf says. */
  #scale(): void {
    const count = Math.max(1, workerCount(this.#conf));
    this.#current.grow(count);
    for (const slot of this.#current.shrink(count)) this.#retire(slot);
    this.#host.onChange(this);
  }

  #retire(slot: Slot): void {
    if (slot.resting) return;
    this.#draining.add(slot);
    void slot.retire();
  }

  #startReload(): Promise<ReloadOutcome> {
    const previous = this.#current;
    const next = this.#newGeneration((this.#lastNumber += 1), this.#wanted);
    let before = this.#conf;
    const host: ReloadHost = {
      count: () =>
        workerCount(next.staged ?? { ...next.conf, cpuLen: next.conf.cpuLen ?? this.#conf.cpuLen }),
      commit: () =>
        this.#host.commit(this, () => {
          before = this.#conf;
          next.inForce = true;
          return next.staged ?? this.#carriedOver(next.conf);
        }),
      rollBack: () => this.#host.commit(this, () => before).catch(() => undefined),
      retire: (slot) => this.#retire(slot),
      onSlotPublished: () => this.entrance.flush(),
      onEnd: (error) => {
        this.#reload = undefined;
        this.#discarded = error;
        if (error === undefined) {
          this.#failure = undefined;
          this.#current = next;
        }
        // What a discarded generation had replaced is started again.
        if (!this.#stopping && this.#firstReady()) this.#scale();
        this.entrance.flush();
        this.#host.onChange(this);
      },
    };
    const reload = new Reload(previous, next, host, { settleMs: next.conf.settleTimeMs });
    this.#reload = reload;
    this.#host.onChange(this);
    return reload.run().then((error) => this.#outcome(error, next.number));
  }

  /** Takes the wanted conf and starts nothing, unless the site is to have workers from now on. */
  async #reloadAsleep(): Promise<ReloadOutcome> {
    const wanted = this.#wanted;
    try {
      await this.#host.commit(this, () => this.#carriedOver(wanted));
    } catch (error) {
      this.#discarded = toWireError(error);
      this.#host.onChange(this);
      return this.#outcome(this.#discarded);
    }
    // A connection may have woken the old generation meanwhile: it is replaced once it has booted.
    if (!this.entrance.asleep) await this.#start();
    if (!this.entrance.asleep || this.#stopping) return await this.reload();
    this.#discarded = undefined;
    this.#current = this.#newGeneration((this.#lastNumber += 1), wanted);
    if (idleStopOf(this.#conf) === undefined && this.entrance.wake()) this.#onWoken();
    this.#host.onChange(this);
    return this.#outcome(await this.#start());
  }

  /** What workers have changed lives on in a generation whose workers and conf say nothing of their own. */
  #carriedOver(conf: SiteConf): SiteConf {
    if (conf.listen.length > 0) return conf;
    const { listen, defaultListen } = this.#conf;
    const cpuLen = conf.cpuLen ?? this.#conf.cpuLen;
    return { ...conf, listen, defaultListen, ...(cpuLen === undefined ? {} : { cpuLen }) };
  }

  #outcome(error: WireError | undefined, number: number = this.#current.number): ReloadOutcome {
    return {
      siteId: this.siteId,
      generation: number,
      ok: error === undefined,
      ...(error === undefined ? {} : { error }),
    };
  }

  /** Whether waiting for a worker may help. */
  #hasFuture(): boolean {
    return !this.#stopping && this.#state() !== 'errored';
  }

  /** Published, with no change under way. */
  #settled(): boolean {
    if (this.#stopping || this.#reload !== undefined) return false;
    return this.#firstReady() && !this.#current.slots.some((slot) => slot.booting);
  }

  #firstReady(): boolean {
    return this.#current.slots.some((slot) => slot.ready);
  }

  #state(): SiteState {
    if (this.#stopping) return this.slots().every((slot) => slot.resting) ? 'stopped' : 'stopping';
    if (this.#reload !== undefined) return 'reloading';
    if (this.entrance.asleep) return 'sleeping';
    const { slots } = this.#current;
    if (slots.length > 0 && slots.every((slot) => slot.errored)) return 'errored';
    if (!this.#started && this.#failure !== undefined) return 'errored';
    return this.#firstReady() ? 'running' : 'booting';
  }
}

function workerCount(conf: { cpuLen?: number | undefined }): number {
  return conf.cpuLen ?? availableParallelism();
}

const STOPPED: WireError = { code: 'ERR_SITE_STOPPED', message: 'the site has been stopped' };

/** Failed starts in a row after which a site counts as failed for whoever waits for its first boot. */
const BOOT_FAILURES_TOLD = 3;
