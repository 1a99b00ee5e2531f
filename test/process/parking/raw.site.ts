// A site whose server is one of node:net and answers by itself.
import { createServer } from 'node:net';
import worker from '@vhostd/worker';

worker.server = createServer((socket) => {
  socket.on('error', () => socket.destroy());
  socket.once('data', () =>
    socket.end('HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 3\r\n\r\nraw'),
  );
});
