// What an edge knows of the fleet. Only what was seen in drain is forgotten when its key goes: any other key may be gone
// because a lease ended, or because the store was lost, while the machine serves as before. Pure.
import type { Change } from '../etcd/etcd-client.js';
import { hostRecord, keyOf, machineRecord, parseKey, parseRecord } from '../layout.js';
import type { HostRecord, MachineRecord } from '../layout.js';

/** A record, and whether its key is there. */
interface Seen<Record> {
  record: Record;
  present: boolean;
}

/** A host of a machine. */
export interface SeenHost {
  readonly host: string;
  readonly machine: string;
  readonly record: HostRecord;
}

export class FleetView {
  readonly #prefix: string;
  readonly #hosts = new Map<string, Seen<HostRecord> & { host: string; machine: string }>();
  readonly #machines = new Map<string, Seen<MachineRecord>>();
  /** Keys of {@link #hosts} by machine: a change looks at its own machines alone. */
  readonly #keys = new Map<string, Set<string>>();

  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  /** Takes what was known when {@link saved} was called. What is no record of ours is left out. */
  restore(saved: Readonly<Record<string, unknown>>): void {
    const changes = Object.entries(saved).map(([key, record]) => ({ key, value: JSON.stringify(record) }));
    this.#take(changes);
    for (const seen of [...this.#hosts.values(), ...this.#machines.values()]) seen.present = false;
  }

  /** Keys and their records, for a file. */
  get saved(): Record<string, unknown> {
    const machines = [...this.#machines].map(([machine, { record }]) => [this.#machineKey(machine), record]);
    const hosts = [...this.#hosts].map(([key, { record }]) => [key, record]);
    return Object.fromEntries([...machines, ...hosts]) as Record<string, unknown>;
  }

  /** These are all keys of the store. */
  reset(entries: ReadonlyMap<string, string>): void {
    const gone = [...this.#hosts.keys(), ...[...this.#machines.keys()].map((one) => this.#machineKey(one))]
      .filter((key) => !entries.has(key))
      .map((key) => ({ key }));
    this.apply([...gone, ...[...entries].map(([key, value]) => ({ key, value }))]);
  }

  /** This has happened to keys of the store. */
  apply(changes: readonly Change[]): void {
    for (const machine of this.#take(changes)) {
      // A machine's own key is written behind its hosts: what is not there by then, it does not have.
      if (this.#machines.get(machine)?.present === true) this.#forgetAbsent(machine);
      this.#forgetUnused(machine);
    }
  }

  /** Forgets what has vanished of machines that are gone; gives those of which there was any. */
  forget(isGone: (machine: string) => boolean): string[] {
    const forgotten = [...this.#keys.keys()].filter(
      (machine) => isGone(machine) && this.#forgetAbsent(machine),
    );
    for (const machine of forgotten) this.#forgetUnused(machine);
    return forgotten;
  }

  /** Those whose machine is known. */
  get hosts(): SeenHost[] {
    return [...this.#hosts.values()].filter(({ machine }) => this.#machines.has(machine));
  }

  get machines(): Map<string, MachineRecord> {
    return new Map([...this.#machines].map(([machine, { record }]) => [machine, record]));
  }

  /** Gives the machines that it is about. */
  #take(changes: readonly Change[]): Set<string> {
    const machines = new Set<string>();
    for (const { key, value } of changes) {
      const name = parseKey(this.#prefix, key);
      if (name?.kind !== 'machine' && name?.kind !== 'host') continue;
      if (name.kind === 'machine') this.#takeMachine(name.machine, value);
      else this.#takeHost(key, name, value);
      machines.add(name.machine);
    }
    return machines;
  }

  #takeMachine(machine: string, value: string | undefined): void {
    if (value === undefined) {
      const seen = this.#machines.get(machine);
      if (seen !== undefined) seen.present = false;
      return;
    }
    const record = parseRecord(machineRecord, value);
    if (record !== undefined) this.#machines.set(machine, { record, present: true });
  }

  #takeHost(
    key: string,
    { host, machine }: { host: string; machine: string },
    value: string | undefined,
  ): void {
    const seen = this.#hosts.get(key);
    if (value === undefined) {
      // One that an operator has taken out serves on: its lease has ended, perhaps.
      const isOut = this.#machines.get(machine)?.record.drained === true;
      if (seen?.record.state === 'drain' && !isOut) this.#deleteHost(key, machine);
      else if (seen !== undefined) seen.present = false;
      return;
    }
    const record = parseRecord(hostRecord, value);
    // What can't be read leaves what was known.
    if (record !== undefined) {
      this.#hosts.set(key, { host, machine, record, present: true });
      const keys = this.#keys.get(machine) ?? new Set();
      this.#keys.set(machine, keys.add(key));
    } else if (seen !== undefined) seen.present = true;
  }

  #deleteHost(key: string, machine: string): void {
    this.#hosts.delete(key);
    this.#keys.get(machine)?.delete(key);
  }

  /** Forgets the hosts of a machine whose keys are not there; tells whether there was any. */
  #forgetAbsent(machine: string): boolean {
    const absent = [...(this.#keys.get(machine) ?? [])].filter(
      (key) => this.#hosts.get(key)?.present === false,
    );
    for (const key of absent) this.#deleteHost(key, machine);
    return absent.length > 0;
  }

  /** Forgets a machine that has neither a key nor a host. */
  #forgetUnused(machine: string): void {
    if (this.#keys.get(machine)?.size === 0) this.#keys.delete(machine);
    if (this.#keys.has(machine)) return;
    if (this.#machines.get(machine)?.present === false) this.#machines.delete(machine);
  }

  #machineKey(machine: string): string {
    return keyOf(this.#prefix, { kind: 'machine', machine });
  }
}
