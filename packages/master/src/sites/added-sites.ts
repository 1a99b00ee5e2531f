// The sites that operators have added while vhostd ran, as they were written. Kept in the state directory, and changed
// by nothing but orders: an added site that does not come up, or that a conf takes the place of, is still wanted.
import { z } from '@vhostd/protocol/schemas';
import { KeptFile } from './kept-file.js';

/** A site as an operator has written it. */
export interface AddedSite {
  readonly site: Readonly<Record<string, unknown>>;
  /** What its relative paths are relative to; absolute. */
  readonly baseDir: string;
  /** How it was written before changes of which none has come up, the latest first: what serves may be one of them. */
  readonly before?: WrittenSite[];
}

/** A site as it was written once. */
type WrittenSite = Omit<AddedSite, 'before'>;

export class AddedSites {
  readonly #kept: KeptFile<z.infer<typeof kept>>;
  #sites: ReadonlyMap<string, AddedSite>;

  /** Reads what is kept; without a state directory it lasts as long as this process. */
  constructor(stateDir?: string) {
    this.#kept = new KeptFile(stateDir, 'added-sites.json', kept);
    this.#sites = new Map(Object.entries(this.#kept.content?.sites ?? {}));
  }

  /** Why what was kept could not be read. */
  get trouble(): string | undefined {
    return this.#kept.trouble;
  }

  get(siteId: string): AddedSite | undefined {
    return this.#sites.get(siteId);
  }

  /** In the order in which they were added. */
  list(): [siteId: string, added: AddedSite][] {
    return [...this.#sites];
  }

  /** True if it will be known to the next master, too. */
  add(siteId: string, added: AddedSite): boolean {
    this.#sites = new Map([...this.#sites, [siteId, added]]);
    return this.#write();
  }

  /** As {@link add}. */
  remove(siteId: string): boolean {
    this.#sites = new Map([...this.#sites].filter(([id]) => id !== siteId));
    return this.#write();
  }

  #write(): boolean {
    return this.#kept.write({ version: 1, sites: Object.fromEntries(this.#sites) });
  }
}

const written = z.object({ site: z.record(z.string(), z.unknown()), baseDir: z.string() });
const kept = z.object({
  version: z.literal(1),
  sites: z.record(z.string(), written.extend({ before: z.array(written).exactOptional() })),
});
