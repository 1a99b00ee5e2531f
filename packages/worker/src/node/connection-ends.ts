// Lets a connection that a balancer passes on have the addresses of its client, for whatever asks: remoteAddress,
// remotePort and remoteFamily, localAddress and localPort, `address()`, a server's blockList and its 'drop' event, also
// of a TLS or HTTP/2 connection on top. Undocumented: `getpeername(out)` and `getsockname(out)` of the TCP handle, which
// all of them call. Checked on Node 20.20, 22.23, 24.21 and 26.10; connection-ends.test.ts fails where one changes.
import { isIPv6 } from 'node:net';
import type { ConnectionEnd, ConnectionHeader, NativeHandle } from '@vhostd/transport';

/** Gives a handle the addresses that a connection came with, if it came with any. */
export function setConnectionEnds(handle: NativeHandle, { client, server }: ConnectionHeader): void {
  if (client !== undefined) define(handle, 'getpeername', client);
  if (server !== undefined) define(handle, 'getsockname', server);
}

function define(handle: NativeHandle, name: 'getpeername' | 'getsockname', end: ConnectionEnd): void {
  const record = { ...end, family: isIPv6(end.address) ? 'IPv6' : 'IPv4' };
  Object.defineProperty(handle, name, {
    configurable: true,
    writable: true,
    value: (out: object): number => {
      Object.assign(out, record);
      return 0;
    },
  });
}
