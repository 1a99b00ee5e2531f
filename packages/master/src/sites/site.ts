// One site: its conf in force and what becomes of its workers and connections, as one state.
import { toWireError } from '@vhostd/protocol';
import type { SiteClaims, SiteStatus, WireError } from '@vhostd/protocol';
import type { Connection } from '../ingress/connection.js';
import type { SiteConf } from '../conf/site-conf.js';
import type { ServedSite } from '../daemon-link/memory.js';
import { Condition, STOPPED } from './condition.js';
import { Crew } from './crew.js';
import type { CrewHost } from './crew.js';
import { Entrance } from './entrance.js';
import { FirstBoot } from './first-boot.js';
import type { Standing } from './first-boot.js';
import type { ReloadOutcome } from './reload.js';
import { outcomeOf, Reloads, workerCount } from './reloads.js';
import type { ReloadsHost } from './reloads.js';
import { OnDemand } from './on-demand.js';
import type { SiteHost } from './site-host.js';
import type { Slot } from '../workers/slot.js';

export class Site {
  readonly siteId: string;
  /** How connections get in: also what an operator holds or answers. */
  readonly entrance: Entrance;
  readonly reloads: Reloads;
  readonly #host: SiteHost;
  readonly #boot: FirstBoot;
  readonly #crew: Crew;
  readonly #is: Condition;
  readonly #onDemand: OnDemand;
  #conf: SiteConf;
  #wanted: SiteConf;

  constructor(conf: SiteConf, host: SiteHost) {
    this.siteId = conf.siteId;
    this.#conf = conf;
    this.#wanted = conf;
    this.#host = host;
    this.entrance = new Entrance(conf, {
      takers: () => this.#crew.takers(),
      slots: () => this.slots(),
      hopeless: () => this.#is.hopeless,
      settled: () => !this.#is.stopping && this.#crew.settled,
      giveUp: (connection, page) => host.giveUp(connection, page),
      onAsleep: () => this.#onDemand.onAsleep(),
      onWoken: () => this.#onDemand.onWoken(),
      onChange: () => host.onChange(this),
    });
    this.#crew = new Crew(conf, this.#crewHost());
    this.#boot = new FirstBoot({
      dependencies: () => this.#conf.dependencies.map((siteId) => host.standingOf(siteId)),
      start: () => this.#start(),
    });
    this.reloads = new Reloads(this.#crew, this.#reloadsHost());
    const parts = { siteId: this.siteId, crew: this.#crew, boot: this.#boot, entrance: this.entrance };
    this.#is = new Condition(parts);
    this.#onDemand = new OnDemand(parts, this.#is, {
      conf: () => this.#conf,
      commit: async () => {
        const wanted = this.#wanted;
        await host.commit(this, () => this.reloads.carriedOver(wanted));
        return wanted;
      },
      onChange: (asleep) => {
        host.onSlumber(asleep);
        this.#onChange();
      },
    });
  }

  /** The conf in force: what the operator gave, changed by what workers asked for. */
  get conf(): SiteConf {
    return this.#conf;
  }

  /** What the operator wants from the next generation on. */
  get wanted(): SiteConf {
    return this.#wanted;
  }

  set wanted(conf: SiteConf) {
    this.#wanted = conf;
  }

  /** The sites that this one depends on, as the operator wants it. */
  get dependencies(): readonly string[] {
    return this.#wanted.dependencies;
  }

  get generation(): number {
    return this.#crew.current.number;
  }

  /** Changes the conf in force; the worker count follows. Routing and listeners are the caller's. */
  setConf(conf: SiteConf): void {
    this.#conf = conf;
    this.entrance.setConf(conf);
    if (!this.#is.stopping && this.#crew.reload === undefined && this.#crew.anyReady) this.#scale();
  }

  /** Whether it could not be started because its listeners or places can't be had. */
  get unlistened(): boolean {
    return this.#is.unlistened;
  }

  /** Whether a worker serves, or is started as soon as there is something to serve. */
  get running(): boolean {
    return this.#is.running;
  }

  /** How it stands, for whoever waits for it. */
  get standing(): Standing {
    return this.#is.standing;
  }

  /** Another site has changed: it may be one that this one waits for. */
  onOtherChange(): void {
    this.#boot.look();
  }

  /**
   * Puts the site's conf into force and boots it once its dependencies are published; resolves with why it could not
   * be published, which it may be later on.
   */
  async bringUp(): Promise<WireError | undefined> {
    let conf = this.#wanted;
    if (!this.#boot.started) this.#prepare(conf);
    try {
      await this.#host.commit(this, () => (conf = this.#wanted));
    } catch (error) {
      this.#is.failure = toWireError(error);
      this.#onChange();
      return this.#is.failure;
    }
    this.#is.failure = undefined;
    if (this.#is.stopping) return STOPPED;
    if (!this.#boot.started) this.#prepare(conf);
    const outcome = this.#boot.begin();
    this.#onChange();
    return await outcome;
  }

  /**
   * Replaces the workers by new ones of the code that is on disk now. One that is asked for before the first worker
   * is spawned is the first boot; while that, or another reload, is at work, one more follows it, however often it
   * is asked for.
   */
  async reload(): Promise<ReloadOutcome> {
    if (this.#is.stopping) return this.#outcome(STOPPED);
    if (!this.#boot.started) return this.#outcome(await this.bringUp());
    if (this.entrance.asleep) return await this.#reloadAsleep();
    const atWork = this.#boot.open ? this.#boot.outcome : this.#crew.reload?.run();
    if (atWork === undefined) return await this.reloads.start();
    return await this.reloads.behind(atWork, () => this.reload());
  }

  /** Goes on with what served under another master, if the operator wants the same. To be called before it is started. */
  resume({ conf, generation, release }: ServedSite): void {
    if (JSON.stringify(conf) === JSON.stringify(this.#wanted)) this.#crew.resume(generation, release);
  }

  /** Drains every worker. With `now` they are killed. */
  async stop(now: boolean): Promise<void> {
    this.#is.stopping = true;
    this.#boot.cancel(STOPPED);
    this.#crew.cancelChanges();
    this.entrance.close();
    await this.#crew.stop(now);
    this.#onChange();
  }

  /** Tells the workers which hosts lead to the site; resolves once they have confirmed it, or have had time to. */
  tellHosts(claims: SiteClaims[]): Promise<void> {
    return this.entrance.tellHosts(claims);
  }

  /** Gives a connection to a worker, or parks it, or gives it up. */
  serve(connection: Connection): void {
    this.entrance.serve(connection);
  }

  status(): SiteStatus {
    const waitsFor = this.#boot.waitsFor();
    const { state, reason } = this.#is;
    return {
      siteId: this.siteId,
      state,
      generation: this.generation,
      hosts: [...new Set(this.#conf.listen.map(({ host }) => host ?? '*'))],
      workers: this.slots().map((slot) => slot.status()),
      ...this.entrance.status(),
      ...(waitsFor.length === 0 ? {} : { waitsFor }),
      ...(reason === undefined ? {} : { reason }),
    };
  }

  /** The slots that run now, draining ones included. */
  slots(): Slot[] {
    return this.#crew.slots();
  }

  #start(): void {
    if (!this.#onDemand.begin()) this.#crew.start();
    this.#onChange();
  }

  #prepare(conf: SiteConf): void {
    this.#crew.prepare(conf);
    this.#tellServed();
  }

  #tellServed(): void {
    const { conf, number: generation, release } = this.#crew.current;
    this.#host.onServes({ conf, generation, ...(release === undefined ? {} : { release }) });
  }

  #onChange(): void {
    this.entrance.look();
    this.#host.onChange(this);
  }

  #crewHost(): CrewHost {
    const [host, { entrance }] = [this.#host, this];
    return {
      running: () => this.running,
      onUp: (slot) => entrance.onReady(slot),
      onReady: () => {
        this.#is.failure = undefined;
        this.#onDemand.onReady();
        if (this.#crew.reload === undefined) this.#scale();
        if (this.#crew.allSettled) this.#boot.succeed();
        this.#tellServed();
      },
      onPublished: () => entrance.flush(),
      onExit: (failure, slow) => {
        if (this.#is.stopping || this.#crew.anyReady) return;
        this.#is.failure = failure;
        if (this.#onDemand.waking) entrance.giveUpWaiting();
        this.#boot.onFailedStart(failure, slow);
      },
      onErrored: (failure) => {
        this.#is.failure = failure;
        if (this.#crew.allErrored) {
          entrance.giveUpWaiting();
          this.#boot.fail(failure);
          host.onGivenUp(failure);
        } else if (this.#crew.allSettled) this.#boot.succeed();
      },
      onChange: () => this.#onChange(),
      workers: {
        ...host.workers,
        onAccepted: (count) => {
          host.workers.onAccepted(count);
          entrance.look();
        },
        onReturned: (connections, why) => {
          connections.forEach(() => host.onGivenAgain());
          entrance.serveAgain(connections, why);
        },
        wantsHandedBack: () => entrance.wantsHandedBack,
        onHandedBack: (connection) => {
          host.onHandedBack();
          if (connection.head === '') entrance.serveHandedBack(connection);
          else host.accept(connection);
        },
      },
    };
  }

  #reloadsHost(): ReloadsHost {
    return {
      siteId: this.siteId,
      conf: () => this.#conf,
      wanted: () => this.#wanted,
      commit: (conf) => this.#host.commit(this, conf),
      onPublished: () => this.entrance.flush(),
      onBegin: () => this.#onChange(),
      onEnd: (error) => {
        this.#is.discarded = error;
        if (error === undefined) {
          this.#is.failure = undefined;
          this.#boot.succeed();
          this.#tellServed();
        }
        // What a discarded generation had replaced is started again.
        if (!this.#is.stopping && this.#crew.anyReady) this.#scale();
        this.entrance.flush();
        this.#onChange();
      },
    };
  }

  #scale(): void {
    this.#crew.scale(Math.max(1, workerCount(this.#conf)));
  }

  async #reloadAsleep(): Promise<ReloadOutcome> {
    const result = await this.#onDemand.reload();
    this.#tellServed();
    this.#onChange();
    return result === 'awake' ? await this.reload() : this.#outcome(result);
  }

  #outcome(error: WireError | undefined): ReloadOutcome {
    return outcomeOf(this.siteId, this.generation, error);
  }
}
