// Ports for a conf that has to name one, or for a server that can't tell which one the kernel has chosen.
import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { Server } from 'node:net';

/**
 * A port of a local address that is free now, for TCP and UDP. The kernel gives it to nobody who asks for any port, nor
 * to a client: otherwise another test could have it before the one that asked here, and be taken for its server.
 */
export async function freePort(host = '127.0.0.1'): Promise<number> {
  for (;;) {
    const port = randomInt(LOWEST, firstEphemeral());
    if (await isFree(port, host)) return port;
  }
}

/** So many, each another one. */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  while (ports.size < count) ports.add(await freePort());
  return [...ports];
}

/** Below are those that services of the machine are likely to have. */
const LOWEST = 12_000;

/** The first of those that the kernel gives. */
function firstEphemeral(): number {
  return Number.parseInt(readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8'), 10);
}

async function isFree(port: number, host: string): Promise<boolean> {
  const bound = [
    await bind(createServer(), (server) => server.listen(port, host)),
    await bind(createSocket('udp4'), (socket) => socket.bind(port, host)),
  ];
  for (const one of bound) if (one) await new Promise<void>((resolve) => one.close(() => resolve()));
  return bound.every((one) => one !== undefined);
}

/** What was to be bound, undefined where it could not. */
function bind<T extends Server | Socket>(one: T, start: (one: T) => void): Promise<T | undefined> {
  return new Promise((resolve) => {
    one.once('listening', () => resolve(one));
    one.once('error', () => resolve(undefined));
    start(one);
  });
}
