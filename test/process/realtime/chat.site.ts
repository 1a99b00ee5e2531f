// A Socket.IO server as its users write it, but for the cookie that names its worker.
import { createServer } from 'node:http';
import { Server } from 'socket.io';
import worker from '@vhostd/worker';

const server = createServer();
// No test lasts until its first ping.
const io = new Server(server, { serveClient: false, pingInterval: 600_000 });

io.engine.on('initial_headers', (headers: Record<string, string>) => {
  headers['set-cookie'] = `io=${process.env['NODE_APP_INSTANCE'] ?? ''}; Path=/; HttpOnly; SameSite=Lax`;
});
io.on('connection', (socket) => {
  socket.on('echo', (text: string, answer: (seen: [string, number, number]) => void) => {
    answer([text, process.pid, worker.generation]);
  });
});
worker.server = server;
