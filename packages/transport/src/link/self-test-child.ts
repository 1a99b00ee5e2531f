// The child of the self-test: hands the first connection back where it can, answers the next with the hash of its head
// and with what follows the head, and sends what must be refused.
import { createHash } from 'node:crypto';
import { openSync, writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { createIpcPipe, sendHandle } from '../node/pipe-internals.js';
import { DATA_FD, openParentLink, RETURNS_FD } from './parent-link.js';
import { encodeFrame, FrameKind } from './frame.js';
import type { Frame } from './frame.js';

const REST = 'and the rest';

const link = openParentLink();
let connectionCount = 0;
link?.start({
  onFrame: (frame) => {
    connectionCount += 1;
    const payload = frame.payload.toString('latin1');
    if (!link.sendsHandles) {
      link.send(FrameKind.accepted, payload);
      return answer(frame);
    }
    if (connectionCount === 2) return answer(frame);
    link.send(FrameKind.handBack, payload, frame.handle);
    frame.handle?.close();
  },
  onEnd: () => process.exit(),
});

function answer({ handle, payload }: Frame): void {
  if (handle === undefined) process.exit(1);
  const options: object = { handle, allowHalfOpen: true };
  const socket = new Socket(options);
  let rest = '';
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk: Buffer) => {
    rest += chunk.toString('latin1');
    if (rest.length < REST.length) return;
    socket.end(`${createHash('sha256').update(payload).digest('hex')} ${rest}`);
    if (link?.sendsHandles === true) sendFile();
  });
  socket.resume();
}

/** The second descriptor that this process sends is none of a connection. */
function sendFile(): void {
  const returns = createIpcPipe(process);
  const file = createIpcPipe(process);
  returns.open(RETURNS_FD);
  file.open(openSync('/dev/null', 'r'));
  sendHandle(returns, '\0\0\0\u0002', file, () => {
    writeSync(DATA_FD, encodeFrame(FrameKind.message, '', true), null, 'latin1');
  });
}
