// What the confs of all sites on a listener's address say about it, put together.
import { listenerKey } from '../listeners/listener.js';
import type { ListenerAddress } from '../listeners/listener.js';

export class ByListener<S extends ListenerAddress, V> {
  readonly #join: (said: readonly S[]) => V;
  readonly #bySite = new Map<object, readonly S[]>();
  #byListener: ReadonlyMap<string, V> = new Map();

  /** `join` makes one of what is said about one address; it is given one thing at least. */
  constructor(join: (said: readonly S[]) => V) {
    this.#join = join;
  }

  /** Undefined where nobody says anything. */
  get(key: string): V | undefined {
    return this.#byListener.get(key);
  }

  /** What the conf of a site says, in the place of what it said before. */
  set(site: object, said: readonly S[]): void {
    if (said.length === 0 && !this.#bySite.has(site)) return;
    this.#bySite.set(site, said);
    this.#build();
  }

  /** The site is gone. */
  delete(site: object): void {
    if (this.#bySite.delete(site)) this.#build();
  }

  #build(): void {
    const said = new Map<string, S[]>();
    for (const one of [...this.#bySite.values()].flat()) {
      const key = listenerKey(one);
      said.set(key, [...(said.get(key) ?? []), one]);
    }
    this.#byListener = new Map(Array.from(said, ([key, all]) => [key, this.#join(all)]));
  }
}
