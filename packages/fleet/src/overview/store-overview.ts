// What is in the store, for a person: machines, hosts, and where machines do not agree. Pure.
import type { FleetHost, FleetHostMachine, FleetMachine, FleetStore } from '@vhostd/protocol';
import { hostRecord, machineRecord, parseKey, parseRecord, siteRecord } from '../layout.js';
import type { MachineRecord } from '../layout.js';
import { hostConflicts } from './host-conflicts.js';

/** What was read, and what of it is wanted. */
export interface StoreRead {
  readonly prefix: string;
  readonly entries: ReadonlyMap<string, string>;
  readonly revision: string;
  /** Only this host. Default: as many as an answer may have. */
  readonly host?: string | undefined;
}

export function storeOverview({ prefix, entries, revision, host: wanted }: StoreRead): FleetStore {
  const machines = new Map<string, FleetMachine>();
  const byHost = new Map<string, FleetHostMachine[]>();
  const unreadable: string[] = [];
  for (const [key, value] of entries) {
    const name = parseKey(prefix, key);
    if (name?.kind === 'machine') {
      const record = parseRecord(machineRecord, value);
      if (record === undefined) unreadable.push(key);
      else machines.set(name.machine, machineOf(name.machine, record));
    } else if (name?.kind === 'host') {
      const record = parseRecord(hostRecord, value);
      if (record === undefined) {
        unreadable.push(key);
        continue;
      }
      const known = byHost.get(name.host) ?? [];
      known.push({ machine: name.machine, ...record, listen: [...record.listen] });
      byHost.set(name.host, known);
    } else if (name === undefined || parseRecord(siteRecord, value) === undefined) unreadable.push(key);
  }
  for (const records of byHost.values()) count(machines, records);
  const hosts = [...byHost].map(([host, records]) => hostOf(host, records));
  const conflictCount = hosts.filter(({ conflicts }) => conflicts !== undefined).length;
  return {
    revision,
    machines: [...machines.values()],
    hosts: shown(hosts, wanted),
    hostCount: hosts.length,
    conflictCount,
    ...(unreadable.length === 0
      ? {}
      : { unreadable: { count: unreadable.length, keys: unreadable.slice(0, SHOWN_KEY_COUNT) } }),
  };
}

function machineOf(machine: string, { address, version, started, lease }: MachineRecord): FleetMachine {
  return { machine, address, version, started, lease, up: 0, drain: 0 };
}

function count(machines: ReadonlyMap<string, FleetMachine>, records: readonly FleetHostMachine[]): void {
  for (const { machine, state } of records) {
    const known = machines.get(machine);
    if (known !== undefined) known[state] += 1;
  }
}

function hostOf(host: string, machines: FleetHostMachine[]): FleetHost {
  const conflicts = hostConflicts(machines);
  return { host, machines, ...(conflicts.length === 0 ? {} : { conflicts }) };
}

/** Those with conflicts first, until an answer is full. */
function shown(hosts: readonly FleetHost[], wanted: string | undefined): FleetHost[] {
  if (wanted !== undefined) return hosts.filter(({ host }) => host === wanted);
  const rankOf = ({ conflicts }: FleetHost): number => (conflicts === undefined ? 1 : 0);
  const sorted = hosts.toSorted((one, other) => rankOf(one) - rankOf(other));
  let left = SHOWN_RECORD_COUNT;
  return sorted.filter(({ machines }) => (left -= machines.length) >= 0);
}

/** A record has about 200 bytes, and an answer at most 4 MiB. */
const SHOWN_RECORD_COUNT = 2000;
const SHOWN_KEY_COUNT = 10;
