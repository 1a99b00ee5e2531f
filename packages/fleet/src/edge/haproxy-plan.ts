// What HAProxy is to have for a fleet: a backend a host and kind of traffic, a server a machine in it, each of which
// follows the one check of its machine. Pure. All names and values were checked when the store was read.
import { createHash } from 'node:crypto';
import type { MachineRecord } from '../layout.js';
import type { SeenHost } from './fleet-view.js';

/** What a check finds. */
export type CheckState = 'up' | 'down' | 'unknown';

export interface PlannedServer {
  readonly machine: string;
  readonly name: string;
  /** As HAProxy takes it, with the port. */
  readonly address: string;
  readonly weight: number;
  readonly proxy: boolean;
  /** The check that it follows, such as `machine:m1:0a1b2c3d/m1`. */
  readonly track: string;
  /** It is to get nobody new. */
  readonly drain: boolean;
}

export interface PlannedBackend {
  readonly name: string;
  readonly kind: 'http' | 'tls';
  readonly servers: readonly PlannedServer[];
}

/** The check of a machine, which is a backend of its own. */
export interface PlannedCheck {
  readonly name: string;
  readonly machine: string;
  readonly address: string;
  readonly path: string | undefined;
  readonly proxy: boolean;
}

export interface Plan {
  readonly checks: readonly PlannedCheck[];
  readonly backends: readonly PlannedBackend[];
  /** Machines that are led to though they are in drain, for want of another one: for how many hosts. */
  readonly kept: ReadonlyMap<string, number>;
}

export function planOf(
  hosts: readonly SeenHost[],
  machines: ReadonlyMap<string, MachineRecord>,
  checkOf: (name: string) => CheckState,
): Plan {
  const checks = new Map(
    [...machines].flatMap(([machine, record]) => {
      const check = plannedCheck(machine, record);
      return check === undefined ? [] : [[machine, check] as const];
    }),
  );
  const kept = new Map<string, Set<string>>();
  const backends = new Map<string, { host: string; kind: 'http' | 'tls'; servers: PlannedServer[] }>();
  for (const { host, machine, record } of hosts) {
    const check = checks.get(machine);
    if (check === undefined) continue;
    for (const { port, tls, proxy } of record.listen) {
      const kind = tls === 'passthrough' ? 'tls' : 'http';
      const name = backendName(kind, host);
      const backend = backends.get(name) ?? { host, kind, servers: [] };
      backends.set(name, backend);
      const serverName = `${machine}:${port}${proxy === 'v2' ? ':v2' : ''}`;
      // Two sites may have the host on one port of several addresses; HAProxy refuses a conf that names a server twice.
      if (backend.servers.some((server) => server.name === serverName)) continue;
      backend.servers.push({
        machine,
        name: serverName,
        address: addressOf(record.address, port),
        weight: record.weight,
        proxy: proxy === 'v2',
        track: `${check.name}/${machine}`,
        drain: record.state === 'drain',
      });
    }
  }
  const planned = [...backends].map(([name, { host, kind, servers }]) => {
    const left = withoutLastDrained(servers.toSorted(byName), checkOf);
    for (const { machine, drain } of servers) {
      if (drain && left.some((server) => server.machine === machine && !server.drain))
        kept.set(machine, (kept.get(machine) ?? new Set()).add(host));
    }
    return { name, kind, servers: left };
  });
  return {
    checks: [...checks.values()].toSorted(byName),
    backends: planned.toSorted(byName),
    kept: new Map([...kept].map(([machine, hostNames]) => [machine, hostNames.size])),
  };
}

/** Hosts have no colon but in brackets: no two of them give one name. */
export function backendName(kind: 'http' | 'tls', host: string): string {
  if (host === '*') return `${kind}::`;
  if (host.startsWith('*.')) return `${kind}::${host.slice(2)}`;
  return `${kind}:${host.startsWith('[') ? `ip6:${host.slice(1, -1)}` : host}`;
}

/** Where nobody else is left, what is about to stop serves as long as it can. */
function withoutLastDrained(
  servers: readonly PlannedServer[],
  checkOf: (name: string) => CheckState,
): readonly PlannedServer[] {
  const isUp = ({ track }: PlannedServer): boolean => checkOf(track.split('/')[0] ?? '') !== 'down';
  if (servers.some((server) => !server.drain && isUp(server))) return servers;
  return servers.map((server) => ({ ...server, drain: false }));
}

/** Its name has all that it is made of: another check is another backend. */
function plannedCheck(machine: string, { address, health }: MachineRecord): PlannedCheck | undefined {
  if (health === undefined) return undefined;
  const { port, path, proxy } = health;
  const digest = createHash('sha256')
    .update(JSON.stringify([address, port, path, proxy]))
    .digest('hex')
    .slice(0, 8);
  return {
    name: `machine:${machine}:${digest}`,
    machine,
    address: addressOf(address, port),
    path,
    proxy: proxy === 'v2',
  };
}

function addressOf(address: string, port: number): string {
  return address.includes(':') ? `ipv6@${address}:${port}` : `${address}:${port}`;
}

function byName(one: { name: string }, other: { name: string }): number {
  return one.name < other.name ? -1 : 1;
}
