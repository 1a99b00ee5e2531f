// The workers of one site by their roles: those of the generation in force, those that are to take their places, those
// that leave. What happens to a worker is told to whoever its role concerns.
import type { WireError } from '@vhostd/protocol';
import type { SiteConf } from '../conf/site-conf.js';
import { Generation, failureOf } from './generation.js';
import type { GenerationHost } from './generation.js';
import { Recycling } from './recycling.js';
import type { Reload } from './reload.js';
import type { Slot } from '../workers/slot.js';
import type { Release } from '../workers/worker-files.js';

/** What a crew answers for by itself. */
type CrewEvent = 'onReady' | 'onExit' | 'onErrored' | 'onStopped' | 'onVitals';

/** What the workers of a site need of it, and tell it of the generation in force. */
export interface CrewHost {
  /** Everything about workers that does not concern their roles. */
  readonly workers: Omit<GenerationHost, CrewEvent>;
  /** Whether the site runs, so that single workers of it may be replaced. */
  running(): boolean;
  /** A worker, in whatever role, is ready. */
  onUp(slot: Slot): void;
  /** One of the generation in force is ready. */
  onReady(): void;
  /** A worker may be given connections. */
  onPublished(): void;
  /** One ended, or could not be started. `slow`: it was not ready in time. */
  onExit(failure: WireError, slow: boolean): void;
  /** One is not started again. */
  onErrored(failure: WireError): void;
  /** A worker, in whatever role, came, went or is about to. */
  onChange(): void;
}

export class Crew {
  readonly #host: CrewHost;
  readonly #recycling: Recycling;
  readonly #draining = new Set<Slot>();
  #lastNumber = 1;
  #current: Generation;
  #reload: Reload | undefined;

  constructor(conf: SiteConf, host: CrewHost) {
    this.#host = host;
    this.#current = this.#newGeneration(1, conf);
    this.#recycling = new Recycling({
      replaceable: (slot) =>
        this.#reload === undefined && this.#current.has(slot) && slot.ready && host.running(),
      successorOf: (slot) => this.#current.successorOf(slot),
      replace: (old, successor) => {
        this.#current.replace(old, successor);
        host.onPublished();
        this.retire(old);
        host.onChange();
      },
      retire: (slot) => this.retire(slot),
      onChange: () => host.onChange(),
    });
  }

  /** The generation in force. */
  get current(): Generation {
    return this.#current;
  }

  get reload(): Reload | undefined {
    return this.#reload;
  }

  /** Whether a worker of the generation in force is ready. */
  get anyReady(): boolean {
    return this.#current.slots.some((slot) => slot.ready);
  }

  /** Whether each worker of the generation in force is ready, or given up. */
  get allSettled(): boolean {
    return this.#current.slots.every((slot) => slot.ready || slot.errored);
  }

  /** Whether there are workers and all of them have been given up. */
  get allErrored(): boolean {
    const { slots } = this.#current;
    return slots.length > 0 && slots.every((slot) => slot.errored);
  }

  /** Whether a worker of the generation in force is ready, and none is about to be. */
  get settled(): boolean {
    if (this.#reload !== undefined || this.#recycling.successor !== undefined) return false;
    return this.anyReady && !this.#current.slots.some((slot) => slot.booting);
  }

  /** Whether there is a worker that may be given connections, be it from an old or a new generation. */
  get serves(): boolean {
    return this.takers().some((slot) => slot.ready);
  }

  /** Those that may serve now, available or not. */
  takers(): readonly Slot[] {
    return this.#reload?.serving() ?? this.#current.slots;
  }

  /** Every slot that runs, in whatever role. */
  slots(): Slot[] {
    const { successor } = this.#recycling;
    return [
      ...this.#current.slots,
      ...(this.#reload?.next.slots ?? []),
      ...(successor === undefined ? [] : [successor]),
      ...this.#draining,
    ];
  }

  /** Sets the conf of the generation in force, which has no worker yet. */
  prepare(conf: SiteConf): void {
    const { number, conf: present } = this.#current;
    if (present !== conf) this.#current = this.#newGeneration(number, conf);
  }

  /** Lets the generation in force, which has no worker yet, be one that served before. */
  resume(number: number, release: Release | undefined): void {
    this.#lastNumber = number;
    this.#current = this.#newGeneration(number, this.#current.conf, release);
  }

  /** Starts the first worker. */
  start(): void {
    this.#current.grow(1);
  }

  /** Lets every worker of the generation in force leave; it has none until it is started again. */
  rest(): void {
    this.#recycling.reset();
    for (const slot of this.#current.shrink(0)) {
      if (slot.resting) continue;
      this.#draining.add(slot);
      void slot.stop();
    }
  }

  /** Puts a new generation into force in place of one without workers. */
  renew(conf: SiteConf): void {
    this.#current = this.nextGeneration(conf);
  }

  /** A generation that is to follow the one in force. */
  nextGeneration(conf: SiteConf): Generation {
    this.#lastNumber += 1;
    return this.#newGeneration(this.#lastNumber, conf);
  }

  /** A reload begins: no single worker is replaced while it lasts. */
  beginReload(reload: Reload): void {
    this.#recycling.reset();
    this.#reload = reload;
  }

  /** The reload is over, and `next`, if there is one, in force. */
  endReload(next: Generation | undefined): void {
    this.#reload = undefined;
    if (next !== undefined) this.#current = next;
  }

  /** Makes the generation in force as large as this. */
  scale(count: number): void {
    this.#current.grow(count);
    for (const slot of this.#current.shrink(count)) {
      this.#recycling.cancel(slot);
      this.retire(slot);
    }
    this.#host.onChange();
  }

  /** Withdraws a worker, whose idle connections move to others, and lets it drain. */
  retire(slot: Slot): void {
    if (slot.resting) return;
    this.#draining.add(slot);
    void slot.retire();
  }

  /** No worker is to take the place of another any more. */
  cancelChanges(): void {
    this.#reload?.cancel();
    this.#recycling.reset();
  }

  /** Ends every worker; resolves when all have gone. With `now` they are killed. */
  async stop(now: boolean): Promise<void> {
    await Promise.all(this.slots().map((slot) => slot.stop(now)));
  }

  #newGeneration(number: number, conf: SiteConf, release?: Release): Generation {
    const host: GenerationHost = {
      ...this.#host.workers,
      onReady: (generation, slot) => {
        this.#host.onUp(slot);
        if (this.#reload?.next === generation) this.#reload.onReady(slot);
        else if (generation === this.#current && !this.#recycling.onReady(slot)) this.#host.onReady();
        this.#host.onPublished();
        this.#host.onChange();
      },
      onExit: (generation, slot, reason) => {
        const failure = failureOf(slot, reason);
        if (this.#reload?.next === generation) this.#reload.onExit(failure);
        else if (!this.#recycling.onExit(slot, failure) && this.#isInForce(generation, slot)) {
          this.#host.onExit(failure, reason.what === 'boot-limit');
        }
        this.#host.onChange();
      },
      onErrored: (generation, slot, reason) => {
        if (!this.#isInForce(generation, slot)) return;
        this.#host.onErrored(failureOf(slot, reason));
        this.#host.onChange();
      },
      onVitals: (slot) => this.#recycling.onVitals(slot),
      onStopped: (slot) => {
        this.#draining.delete(slot);
        this.#host.onChange();
      },
    };
    return new Generation(number, conf, host, release);
  }

  #isInForce(generation: Generation, slot: Slot): boolean {
    return generation === this.#current && generation.has(slot);
  }
}
