// How what a machine publishes stands in the store, for those who follow it there. A layout is a pure writer.
import type { HostRecord, SiteRecord } from '../layout.js';

/** Hosts and sites of a machine by their keys, as `keyOf` names them below the layout's `root`. */
export type MachineRecords = ReadonlyMap<string, HostRecord | SiteRecord>;

/** Keys that all machines with a host write alike, on no lease: the last of these machines removes them. */
export interface SharedKeys {
  /** What they are of use for begins with this, on each machine: while there is such a key, they stay. */
  readonly servers: string;
  /** The keys of this machine among those. */
  readonly own: readonly string[];
  /** Undefined: there is to be no such key. */
  readonly values: ReadonlyMap<string, string | undefined>;
}

export interface Written {
  /** Keys of this machine, which its lease holds. */
  readonly own: ReadonlyMap<string, string>;
  readonly shared: readonly SharedKeys[];
}

export interface Layout {
  /** What the keys of records, machines and edges begin with. */
  readonly root: string;
  /** How long those who follow the store need to know of a change, ms. */
  readonly followMs: number;
  write(records: MachineRecords): Written;
}
