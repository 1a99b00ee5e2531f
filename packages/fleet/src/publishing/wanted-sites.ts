// Which sites, of those that are waited for, are up on any machine of the fleet.
import { FleetFollower } from '../etcd/fleet-follower.js';
import type { Change, EtcdClient } from '../etcd/etcd-client.js';
import { parseKey, parseRecord, siteRecord } from '../layout.js';

/** What is told: those that are up, and why that may be out of date. */
export interface SitesUp {
  readonly siteIds: string[];
  readonly error?: string;
}

export class WantedSites {
  readonly #prefix: string;
  readonly #onChange: (up: SitesUp) => void;
  readonly #follower: FleetFollower;
  /** Keys of sites that are up, with the siteId. */
  readonly #up = new Map<string, string>();
  #wanted: ReadonlySet<string> = new Set();
  #error: string | undefined = 'it has not been asked yet';
  #told = '';
  #begun = false;

  constructor(store: EtcdClient, prefix: string, onChange: (up: SitesUp) => void) {
    this.#prefix = prefix;
    this.#onChange = onChange;
    this.#follower = new FleetFollower(store, `${prefix}/sites`, {
      onSnapshot: (entries) => {
        this.#up.clear();
        this.#take([...entries].map(([key, value]) => ({ key, value })));
      },
      onChanges: (changes) => this.#take(changes),
      onLost: (message) => {
        this.#error = message;
        this.#tell();
      },
    });
  }

  /** These are waited for from now on. */
  want(siteIds: readonly string[]): void {
    this.#wanted = new Set(siteIds);
    if (!this.#begun) void this.#follower.run();
    this.#begun = true;
    this.#tell();
  }

  end(): void {
    this.#follower.end();
  }

  #take(changes: readonly Change[]): void {
    this.#error = undefined;
    for (const { key, value } of changes) {
      const name = parseKey(this.#prefix, key);
      if (name?.kind !== 'site') continue;
      const isUp = value !== undefined && parseRecord(siteRecord, value)?.state === 'up';
      if (isUp) this.#up.set(key, name.site);
      else this.#up.delete(key);
    }
    this.#tell();
  }

  #tell(): void {
    const up = new Set(this.#up.values());
    const error = this.#error === undefined ? {} : { error: this.#error };
    const told: SitesUp = { siteIds: [...this.#wanted].filter((siteId) => up.has(siteId)), ...error };
    const text = JSON.stringify(told);
    if (text === this.#told) return;
    this.#told = text;
    this.#onChange(told);
  }
}
