// The child of the self-test: hands the first connection back, answers the second with the hash of its head and
// with what follows the head.
import { createHash } from 'node:crypto';
import { Socket } from 'node:net';
import { openParentLink } from './fork-link.js';
import { FrameKind } from './frame.js';
import type { Frame } from './frame.js';

const REST = 'and the rest';

const link = openParentLink();
let connectionCount = 0;
link?.start({
  onFrame: (frame) => {
    connectionCount += 1;
    if (connectionCount === 2) return answer(frame);
    link.send(FrameKind.handBack, frame.payload.toString('latin1'), frame.handle);
    frame.handle?.close();
  },
  onEnd: () => {
    if (process.connected) process.disconnect();
  },
});

function answer({ handle, payload }: Frame): void {
  if (handle === undefined) return;
  const options: object = { handle, allowHalfOpen: true };
  const socket = new Socket(options);
  let rest = '';
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk: Buffer) => {
    rest += chunk.toString('latin1');
    if (rest.length < REST.length) return;
    socket.end(`${createHash('sha256').update(payload).digest('hex')} ${rest}`);
  });
  socket.resume();
}
