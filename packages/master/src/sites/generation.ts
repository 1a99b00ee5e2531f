// The workers that run one state of a site's code and conf.
import type { ChildReason } from '@vhostd/supervisor';
import { toWireError, VhostError } from '@vhostd/protocol';
import type { WireError } from '@vhostd/protocol';
import type { SiteConf } from '../conf/site-conf.js';
import { Slot } from '../workers/slot.js';
import type { SlotHost } from '../workers/slot-host.js';
import { WorkerFiles } from '../workers/worker-files.js';
import type { Release } from '../workers/worker-files.js';

/** What a generation needs of its site; it answers for `conf`, `generation` and the end of its own boot. */
export type GenerationHost = Omit<
  SlotHost,
  'conf' | 'files' | 'generation' | 'onErrored' | 'onExit' | 'onReady'
> & {
  onReady(generation: Generation, slot: Slot): void;
  onExit(generation: Generation, slot: Slot, reason: ChildReason): void;
  onErrored(generation: Generation, slot: Slot, reason: ChildReason): void;
};

export class Generation {
  readonly number: number;
  readonly conf: SiteConf;
  readonly slots: Slot[] = [];
  /** What its workers asked for before it was published; in force once it is. */
  staged: SiteConf | undefined;
  /** What its workers ask for changes the conf in force: theirs is. */
  inForce = false;
  readonly #host: GenerationHost;
  readonly #files: WorkerFiles;

  /** `release`: what its workers run; without it, what is there when the first of them starts. */
  constructor(number: number, conf: SiteConf, host: GenerationHost, release?: Release) {
    this.number = number;
    this.conf = conf;
    this.#host = host;
    this.#files = new WorkerFiles(conf, release);
  }

  /** What its workers run, once one of them has been ready. */
  get release(): Release | undefined {
    return this.#files.kept;
  }

  /** Starts those of the first `count` slots that are not there. */
  grow(count: number): void {
    for (let index = 0; index < count; index += 1) {
      if (!this.slots.some(({ slot }) => slot === index)) this.startSlot(index);
    }
  }

  /** Starts the slot of an index that is not there yet. */
  startSlot(index: number): Slot {
    const slot = this.#createSlot(index);
    this.slots.push(slot);
    slot.start();
    return slot;
  }

  /** A slot that may take the place of another one. It is none of this generation's, nor started. */
  successorOf({ slot }: Slot): Slot {
    return this.#createSlot(slot);
  }

  /** Puts a successor in a slot's place; the old one still runs. */
  replace(old: Slot, successor: Slot): void {
    this.slots.splice(this.slots.indexOf(old), 1, successor);
  }

  has(slot: Slot): boolean {
    return this.slots.includes(slot);
  }

  /** Takes out all but the first `count` slots; returns those taken out, which still run. */
  shrink(count: number): Slot[] {
    const surplus = this.slots.filter(({ slot }) => slot >= count);
    for (const slot of surplus) this.slots.splice(this.slots.indexOf(slot), 1);
    return surplus;
  }

  #createSlot(index: number): Slot {
    const host = this.#host;
    return new Slot(index, {
      ...host,
      conf: this.conf,
      generation: this.number,
      files: this.#files,
      onReady: (slot) => {
        this.#files.keep();
        host.onReady(this, slot);
      },
      onExit: (slot, reason) => host.onExit(this, slot, reason),
      onErrored: (slot, reason) => host.onErrored(this, slot, reason),
    });
  }
}

/** Why a worker could not be had, in the words of the worker where it had any. */
export function failureOf(slot: Slot, reason: ChildReason): WireError {
  const { failure } = slot;
  if (failure !== undefined) return failure;
  if (reason.error instanceof VhostError) return toWireError(reason.error);
  const code = reason.what === 'boot-limit' ? 'ERR_WORKER_BOOT_TIMEOUT' : 'ERR_WORKER_EXITED';
  return { code, message: `worker ${slot.workerId} ${reason.message}` };
}
