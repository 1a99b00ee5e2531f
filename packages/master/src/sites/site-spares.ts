// The processes that a site has ahead of need: for the generation in force, whenever nothing about its workers changes, and
// while it is idle.
import type { Spawner, WorkerSite } from '../workers/worker-spawner.js';
import type { SiteStateMachine } from './site-state.js';
import type { WorkerSet } from './worker-set.js';

export class SiteSpares {
  readonly #site: WorkerSite;
  readonly #spawner: Spawner;
  readonly #state: SiteStateMachine;
  readonly #set: WorkerSet;

  constructor(
    site: WorkerSite,
    { spawner, state, set }: { spawner: Spawner; state: SiteStateMachine; set: WorkerSet },
  ) {
    this.#site = site;
    this.#spawner = spawner;
    this.#state = state;
    this.#set = set;
  }

  get count(): number {
    return this.#spawner.spareCountOf(this.#site.siteId);
  }

  /** To be called whenever it may need others, or none. */
  look(): void {
    const { spares } = this.#state.meaning;
    const { warm = 0 } = this.#set.current.conf;
    if (warm === 0 || spares === 'none') return this.#spawner.endSpares(this.#site.siteId);
    if (this.#atRest) void this.#keep();
  }

  /** A worker that boots comes first, and what it was started by may not last. */
  get #atRest(): boolean {
    const { spares, published } = this.#state.meaning;
    return spares === 'kept' && (published === 'yes' || this.#set.settled);
  }

  async #keep(): Promise<void> {
    const { siteId } = this.#site;
    const generation = this.#set.current;
    const { conf, number, files } = generation;
    await files.readVariables();
    if (this.#set.current !== generation || !this.#atRest) return;
    try {
      const order = {
        site: this.#site,
        conf,
        slot: 0,
        generation: number,
        release: files.release(),
        variables: files.variables(),
      };
      this.#spawner.keepSpares(order, conf.warm ?? 0);
    } catch {
      // Its next worker says what is wrong.
      this.#spawner.endSpares(siteId);
    }
  }
}
