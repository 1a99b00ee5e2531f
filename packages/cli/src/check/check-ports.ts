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
  { sites }: Pick<MasterConf, 'sites'>,
  running: DaemonStatus | undefined,
): Finding[] {
  const addresses = new Map(
    sites.flatMap(({ listen }) => listen.map(toKeyedAddress)).map((address) => [address.key, address]),
  );
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
  for (const { key, address, port } of addresses.values()) {
    if (port === 0) continue;
    const subject = `address ${key}`;
    const isOurs = running?.listeners.some((listener) => listener.port === port) === true;
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
  return findings;
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

function overlaps(socket: ListeningSocket, address: string | undefined, port: number): boolean {
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
