// Whether the addresses of a conf can be had: who holds them, and whether this user may.
import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import type { MasterConf } from '@vhostd/master';
import { toKeyedAddress } from '@vhostd/protocol';
import type { DaemonStatus } from '@vhostd/protocol';
import type { Finding } from './finding.js';
import { listeningSockets, ownerOf } from './listening-sockets.js';
import type { ListeningSocket } from './listening-sockets.js';

/** @param running the daemon of this run directory: what it holds is in good hands. */
export function checkPorts(
  conf: Pick<MasterConf, 'sites' | 'metrics'>,
  running: DaemonStatus | undefined,
): Finding[] {
  const sockets = listeningSockets();
  const findings: Finding[] = [];
  if (sockets === undefined) {
    findings.push({
      level: 'warning',
      subject: 'ports',
      message: 'were not looked at: there is no /proc/net/tcp here',
      todo: 'see with your own tools who listens on them',
    });
  }
  const ours = new Set(running?.listeners.map(({ port }) => port));
  if (running?.metrics?.port !== undefined && running.metrics.fault === undefined) {
    ours.add(running.metrics.port);
  }
  for (const { subject, address, port } of placesOf(conf)) {
    if (port === 0) continue;
    const isOurs = ours.has(port);
    const taken = isOurs ? undefined : sockets?.find((socket) => overlaps(socket, address, port));
    if (taken !== undefined) findings.push(takenBy(subject, taken));
    if (!isOurs && port < privilegedBelow() && !mayBind()) {
      findings.push({
        level: 'error',
        subject,
        message: `ports below ${privilegedBelow()} are not for this user`,
        todo: 'run it as root or with CAP_NET_BIND_SERVICE (docs/systemd.md), or use a higher port',
      });
    }
    if (address !== undefined && !isOfThisMachine(address)) {
      findings.push({
        level: 'error',
        subject,
        message: 'is no address of this machine',
        todo: 'name one of its addresses, or none for all',
      });
    }
  }
  return [...findings, ...checkMetrics(conf)];
}

/** Its address is no site's. */
function checkMetrics({ sites, metrics }: Pick<MasterConf, 'sites' | 'metrics'>): Finding[] {
  const { port, ipaddress } = metrics ?? {};
  if (port === undefined || ipaddress === undefined || port === 0) return [];
  return sites
    .filter(({ listen }) =>
      listen.some((entry) => overlaps({ port, address: ipaddress }, entry.ipaddress, entry.port)),
    )
    .map(({ siteId }) => ({
      level: 'error',
      subject: siteId,
      message: `listens on port ${port}, which is that of metrics`,
      todo: 'use another port for one of the two',
    }));
}

/** Each once. */
function placesOf({ sites, metrics }: Pick<MasterConf, 'sites' | 'metrics'>): Iterable<Place> {
  const places = new Map<string, Place>();
  for (const request of sites.flatMap(({ listen }) => listen)) {
    const { key, address, port } = toKeyedAddress(request);
    places.set(key, { subject: `address ${key}`, address, port });
  }
  const { port, ipaddress } = metrics ?? {};
  if (port !== undefined && ipaddress !== undefined) {
    const { key, address } = toKeyedAddress({ ipaddress, port });
    places.set(`metrics ${key}`, { subject: `metrics, address ${key}`, address, port });
  }
  return places.values();
}

interface Place {
  readonly subject: string;
  /** Absent: all of the machine. */
  readonly address: string | undefined;
  readonly port: number;
}

function takenBy(subject: string, socket: ListeningSocket): Finding {
  const owner = ownerOf(socket);
  const who = owner === undefined ? 'another process, of another user' : `${owner.name}, pid ${owner.pid}`;
  return {
    level: 'error',
    subject,
    message: `is held by ${who}`,
    todo: owner === undefined ? 'root sees with ss -ltnp who it is' : 'stop that, or use another port',
  };
}

function overlaps(
  socket: Pick<ListeningSocket, 'address' | 'port'>,
  address: string | undefined,
  port: number,
): boolean {
  if (socket.port !== port) return false;
  const isAny = socket.address === '::' || socket.address === '0.0.0.0';
  return isAny || address === undefined || address === '0.0.0.0' || socket.address === address;
}

function isOfThisMachine(address: string): boolean {
  if (address === '0.0.0.0' || address.startsWith('127.')) return true;
  return Object.values(networkInterfaces()).some((list) => list?.some((own) => own.address === address));
}

/** ip(7), ip_unprivileged_port_start. */
function privilegedBelow(): number {
  try {
    return Number(readFileSync('/proc/sys/net/ipv4/ip_unprivileged_port_start', 'utf8'));
  } catch {
    return 1024;
  }
}

/** capabilities(7): whether the effective set has CAP_NET_BIND_SERVICE. */
function mayBind(): boolean {
  try {
    const [, set = '0'] = /^CapEff:\s*([\da-f]+)$/mu.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
    return (BigInt(`0x${set}`) & CAP_NET_BIND_SERVICE) !== 0n;
  } catch {
    return process.getuid?.() === 0;
  }
}

const CAP_NET_BIND_SERVICE = 1n << 10n;
