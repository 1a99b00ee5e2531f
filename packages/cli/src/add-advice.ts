// What to type next where an app can't be served as it was asked for: the command once more, with what it lacks.
import type { WireError } from '@vhostd/protocol';
import { listeningSockets, ownerOf } from './check/listening-sockets.js';
import type { SiteFlags } from './site-flags.js';
import { typedCommand } from './typed-command.js';

/** It was refused; undefined: there is nothing to say about that. */
export function adviceOnRefusal(
  code: string,
  siteId: string,
  { host, name, port }: SiteFlags,
): string | undefined {
  if (code === 'ERR_CONF_DUPLICATE_HOST') {
    const more = `--host ${siteId}.localhost --port ${freePortFrom((port ?? DEFAULT_PORT) + 1)}`;
    return host === undefined
      ? `two sites can share a port, each with hosts of its own; a program that serves nobody takes --no-server instead:\n${typedCommand({ '--host': [`${siteId}.localhost`] })}`
      : `give it another host, or another port, such as ${more}`;
  }
  if (code !== 'ERR_SITE_EXISTS') return undefined;
  const other = `${name ?? siteId}-2`;
  const again = typedCommand({
    '--name': [other],
    ...(host === undefined ? { '--host': [`${other}.localhost`] } : {}),
  });
  return `vhostd status ${siteId} shows that site; for a second one:\n${again}`;
}

/** It is there, and does not serve; undefined: see elsewhere. */
export function adviceOnFailure(
  { code, info }: WireError,
  siteId: string,
  { port = DEFAULT_PORT }: SiteFlags,
): string | undefined {
  if (code !== 'ERR_LISTEN_ADDRESS_IN_USE') return undefined;
  const taken = typeof info?.['port'] === 'number' ? info['port'] : port;
  const socket = listeningSockets()?.find((one) => one.port === taken);
  const owner = socket && ownerOf(socket);
  const who = owner === undefined ? 'ss -ltnp names who has it' : `${owner.name}, pid ${owner.pid}, has it`;
  const free = freePortFrom(taken < UNPRIVILEGED ? DEFAULT_PORT : taken + 1);
  return `${who}; ${siteId} gets it within seconds once it is free; on another port:\nvhostd start ${siteId} --port ${free}`;
}

/** The next one on which nobody listens. */
function freePortFrom(port: number): number {
  const taken = new Set(listeningSockets()?.map((socket) => socket.port));
  for (let free = port; free < 65_536; free++) if (!taken.has(free)) return free;
  return 0;
}

const DEFAULT_PORT = 8080;
const UNPRIVILEGED = 1024;
