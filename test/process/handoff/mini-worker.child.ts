// The worker of the mini master: an HTTP server that is given sockets and answers as the echo site does.
import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';

const server = createServer((request, response) => {
  const parts: Buffer[] = [];
  request.on('data', (chunk: Buffer) => parts.push(chunk));
  request.on('end', () => {
    const body = Buffer.concat(parts);
    const seen = {
      siteId: 'mini',
      method: request.method,
      url: request.url,
      host: request.headers.host,
      length: body.length,
      sha256: createHash('sha256').update(body).digest('hex'),
      remotePort: request.socket.remotePort,
    };
    const text = JSON.stringify(seen);
    response.setHeader('Content-Length', Buffer.byteLength(text));
    response.end(text);
  });
});
server.on('upgrade', (_request: IncomingMessage, socket: Socket, head: Buffer) => {
  socket.on('error', () => socket.destroy());
  socket.write(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n`);
  if (head.length > 0) socket.write(head);
  socket.pipe(socket);
});

process.on('message', ({ head }: { head: string }, socket?: Socket) => {
  if (socket === undefined) return;
  socket.allowHalfOpen = true;
  socket.unshift(Buffer.from(head, 'latin1'));
  server.emit('connection', socket);
});
process.on('disconnect', () => process.exit());

/** Blocked for up to 8 ms, again and again, so that what is sent is taken late. */
const block = (): void => {
  const untilMs = performance.now() + Math.random() * 8;
  while (performance.now() < untilMs);
  setTimeout(block, 1 + Math.random() * 10);
};
block();
