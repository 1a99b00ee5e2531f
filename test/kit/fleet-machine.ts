// A machine of a fleet: a vhostd with one site, which an edge leads to.
import type { TestContext } from 'node:test';
import { commandOf } from './processes.js';
import { startVhostd } from './start-vhostd.js';
import type { FullVhostd, SiteOptions } from './start-vhostd.js';

/** Which machine, and where. */
export interface FleetMachine {
  machine: string;
  endpoints: readonly string[];
  /** Where the site is. */
  port: number;
  /** Of the machine. Default: 127.0.0.1. */
  address?: string;
  /** Of the edge. Default: 127.0.0.1. */
  edge?: string;
  /** Of its sites. Default: 2 s. */
  drainTimeout?: string;
  /** What it is started by, such as `nsenter --net=FILE`. Default: nothing. */
  through?: readonly string[];
}

/** Starts it, with the kit's echo site `a` for `a.test`. */
export async function startMachine(t: TestContext, place: FleetMachine): Promise<FullVhostd> {
  const { through = [] } = place;
  return await startVhostd(t, {
    daemon: true,
    through,
    conf: machineConf(place),
    sites: [machineSite('a', place)],
  });
}

export function machineConf({
  machine,
  endpoints,
  address = '127.0.0.1',
}: FleetMachine): Record<string, unknown> {
  return { healthPath: '/up', fleet: { endpoints, machine, address } };
}

/** A site of a machine, for `SITEID.test`. */
export function machineSite(
  siteId: string,
  { port, address = '127.0.0.1', edge = '127.0.0.1', drainTimeout = '2s' }: FleetMachine,
): SiteOptions {
  const listen = [{ host: `${siteId}.test`, port, ipaddress: address, proxyProtocol: [edge] }];
  return { siteId, listen, drainTimeout };
}

/** The process that publishes. */
export function publisherOf(vhostd: FullVhostd): number | undefined {
  return vhostd.processes().find((pid) => commandOf(pid).includes('run-fleet'));
}
