// Accepts, reads a head, sends the connection to a worker: `pause` leaves the handle reading, which loses what
// comes before the worker has it; `readStop` stops it in the callback that decided.
import { fork } from 'node:child_process';
import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { fileURLToPath } from 'node:url';

interface RawHandle {
  onread: () => void;
  readStop(): number;
}

const [mode] = process.argv.slice(2);
const workers = [0, 1].map(() =>
  fork(fileURLToPath(new URL('./mini-worker.child.js', import.meta.url)), { execArgv: [] }),
);
let next = 0;

const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
  const chunks: Buffer[] = [];
  socket.on('error', () => socket.destroy());
  const onData = (chunk: Buffer): void => {
    chunks.push(chunk);
    const head = Buffer.concat(chunks);
    if (!head.includes('\r\n\r\n')) return;
    if (mode === 'pause') socket.pause();
    else stop(socket);
    socket.removeListener('data', onData);
    workers[(next += 1) % workers.length]?.send({ head: head.toString('latin1') }, socket);
  };
  socket.on('data', onData);
});

function stop(socket: Socket): void {
  const handle: RawHandle | null = Reflect.get(socket, '_handle');
  handle?.readStop();
}

server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
process.on('disconnect', () => process.exit());
