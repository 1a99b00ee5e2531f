// The child of the self-test: answers a connection with the hash of its head and with what follows the head.
import { createHash } from 'node:crypto';
import { Socket } from 'node:net';
import { openParentLink } from './fork-link.js';

const REST = 'and the rest';

const link = openParentLink();
link?.start({
  onFrame: ({ handle, payload }) => {
    if (handle === undefined) return;
    const socket = new Socket({ handle, allowHalfOpen: true } as unknown as ConstructorParameters<
      typeof Socket
    >[0]);
    let rest = '';
    socket.on('error', () => socket.destroy());
    socket.on('data', (chunk: Buffer) => {
      rest += chunk.toString('latin1');
      if (rest.length < REST.length) return;
      socket.end(`${createHash('sha256').update(payload).digest('hex')} ${rest}`);
    });
    socket.resume();
  },
  onEnd: () => process.disconnect(),
});
