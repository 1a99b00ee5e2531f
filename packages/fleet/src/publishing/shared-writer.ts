// Writes and removes the keys that all machines with a host write alike. Nobody knows of the others: a machine writes them
// behind each server that it puts, and removes them where no server is left, which the store looks at as it removes them.
// So they are there with the last server, whoever comes and goes meanwhile.
import { MAX_CHANGE_COUNT } from '../etcd/etcd-client.js';
import type { Change, EtcdClient } from '../etcd/etcd-client.js';
import type { SharedKeys } from './layout-writer.js';

interface Known {
  readonly keys: SharedKeys;
  /** As they were written behind the last server; undefined: they are to be written. */
  written: string | undefined;
}

export class SharedWriter {
  readonly #store: Pick<EtcdClient, 'commit' | 'removeUnless'>;
  /** By what their servers begin with; all that this machine may have to remove. */
  readonly #known = new Map<string, Known>();

  constructor(store: Pick<EtcdClient, 'commit' | 'removeUnless'>) {
    this.#store = store;
  }

  /** Before servers are put: what belongs to them is to be written anew, as another machine may have removed it. */
  expect(shared: readonly SharedKeys[], put: ReadonlySet<string>): void {
    for (const keys of shared) {
      const known = this.#known.get(keys.servers);
      const isPut = keys.own.some((key) => put.has(key));
      this.#known.set(keys.servers, { keys, written: isPut ? undefined : known?.written });
    }
  }

  /** Writes what is due, and removes what this machine needs no more and nobody else does. @throws {Error} from the store. */
  async write(shared: readonly SharedKeys[]): Promise<void> {
    let batch: Known[] = [];
    let changes: Change[] = [];
    const commit = async (): Promise<void> => {
      if (changes.length > 0) await this.#store.commit(changes, undefined);
      for (const known of batch) known.written = textOf(known.keys);
      [batch, changes] = [[], []];
    };
    for (const { servers } of shared) {
      const known = this.#known.get(servers);
      // Without a server of its own it is for others to write them.
      if (known === undefined || known.keys.own.length === 0 || known.written === textOf(known.keys))
        continue;
      // Those of a host come at once, or Traefik would find half of them.
      if (changes.length + known.keys.values.size > MAX_CHANGE_COUNT) await commit();
      batch.push(known);
      changes.push(...changesOf(known.keys));
    }
    await commit();
    const needed = new Set(shared.map(({ servers }) => servers));
    for (const [servers, { keys }] of this.#known) {
      if (needed.has(servers)) continue;
      await this.#store.removeUnless(servers, [...keys.values.keys()]);
      this.#known.delete(servers);
    }
  }

  /** What was written may be gone, with the store. */
  forget(): void {
    for (const known of this.#known.values()) known.written = undefined;
  }
}

function changesOf({ values }: SharedKeys): Change[] {
  return [...values].map(([key, value]) => (value === undefined ? { key } : { key, value }));
}

function textOf({ values }: SharedKeys): string {
  return JSON.stringify([...values]);
}
