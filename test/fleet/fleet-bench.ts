// A fleet in network namespaces: etcd, two machines, an edge with HAProxy, and clients that are on their way.
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { FleetEdge } from '../kit/edge.js';
import { Etcd } from '../kit/etcd.js';
import { startMachine } from '../kit/fleet-machine.js';
import type { FleetMachine } from '../kit/fleet-machine.js';
import type { FullVhostd } from '../kit/start-vhostd.js';
import { until } from '../kit/until.js';
import { Clients } from './clients.js';
import type { Network } from './network.js';

/** Of the keys in the store. */
export const PREFIX = '/vhostd/v1';

/** What of the fleet is up, by the name of its server in HAProxy. */
export const BOTH: Record<string, string> = { 'm1:8080:v2': 'up', 'm2:8080:v2': 'up' };
export const ONLY_M1: Record<string, string> = { 'm1:8080:v2': 'up' };
export const ONLY_M2: Record<string, string> = { 'm2:8080:v2': 'up' };

export class FleetBench {
  /** Members of the store. */
  readonly etcd: readonly Etcd[];
  readonly edge: FleetEdge;
  readonly m1: FullVhostd;
  readonly m2: FullVhostd;
  /** Of m1. */
  readonly place: FleetMachine;
  readonly clients: Clients;

  private constructor(parts: Omit<FleetBench, 'store' | 'leader' | 'republished'>) {
    this.etcd = parts.etcd;
    this.edge = parts.edge;
    this.m1 = parts.m1;
    this.m2 = parts.m2;
    this.place = parts.place;
    this.clients = parts.clients;
  }

  /** Resolves once both machines serve all clients. */
  static async start(
    t: TestContext,
    network: Network,
    { memberCount = 1, drainTimeout }: { memberCount?: number; drainTimeout?: string } = {},
  ): Promise<FleetBench> {
    const etcd = await Etcd.start(t, {
      count: memberCount,
      address: network.addressOf('etcd'),
      through: network.through('etcd'),
    });
    const endpoints = etcd.map(({ url }) => url);
    const placeOf = (machine: string): FleetMachine => ({
      machine,
      endpoints,
      port: 8080,
      address: network.addressOf(machine),
      edge: network.addressOf('edge'),
      ...(drainTimeout === undefined ? {} : { drainTimeout }),
      through: network.through(machine),
    });
    const place = placeOf('m1');
    const [m1, m2] = [await startMachine(t, place), await startMachine(t, placeOf('m2'))];
    const address = network.addressOf('edge');
    const through = network.through('edge');
    const edge = await FleetEdge.start(t, { endpoints, http: [`${address}:80`], https: [], through });
    await edge.until('http:a.test', BOTH);
    const clients = new Clients(t, address, 80, 'a.test');
    await clients.progress(20);
    return new FleetBench({ etcd, edge, m1, m2, place, clients });
  }

  /** The one member of the store. */
  get store(): Etcd {
    const [first] = this.etcd;
    assert.ok(first);
    return first;
  }

  /** The member that leads. */
  async leader(): Promise<Etcd> {
    for (const one of this.etcd) if (await one.leads()) return one;
    throw new Error('no member leads');
  }

  /** Waits until both machines have published all under another lease than before. */
  async republished(act: () => Promise<void>): Promise<void> {
    const before = await this.#leases();
    await act();
    await until('both machines have another lease', async () => {
      const value = await this.#leases();
      return { done: value.length === 2 && value.every((lease) => !before.includes(lease)), value };
    });
  }

  async #leases(): Promise<unknown[]> {
    for (const one of this.etcd) {
      const found = await one.records(`${PREFIX}/machines/`).catch(() => undefined);
      if (found !== undefined) return Object.values(found).map(({ lease }) => lease);
    }
    return [];
  }
}
