// Clients that connect, say something or nothing, and stay.
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { atEnd } from './at-end.js';

/** How many have come, and how many of them have been ended. */
export interface Crowd {
  opened: number;
  ended: number;
}

/** Opens so many connections, 50 at a time; the end of the test ends them. */
export function crowd(t: TestContext, port: number, count: number, said = ''): Crowd {
  const counts: Crowd = { opened: 0, ended: 0 };
  const sockets: Socket[] = [];
  atEnd(t, () => sockets.forEach((socket) => socket.destroy()));
  const open = (): void => {
    if (sockets.length >= count) return;
    const socket = connect({ port, host: '127.0.0.1' }, () => {
      counts.opened += 1;
      socket.write(said);
      open();
    });
    sockets.push(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => (counts.ended += 1));
    socket.resume();
  };
  for (let begun = 0; begun < 50; begun += 1) open();
  return counts;
}
