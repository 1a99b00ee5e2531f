// A site that keeps every connection for as long as its process lives, whatever its client does. All the while it tells
// the master that it has none.
import { writeSync } from 'node:fs';
import { createServer } from 'node:http';
import worker from '@vhostd/worker';

const DATA = 5;
/** A confirmation of what was confirmed long ago, of a worker without connections. */
const HAS_NONE = Buffer.from([0, 0, 0, 8, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0]);

const server = createServer(({ socket }) => {
  // The server does not know that it has answered, so nothing ends the connection.
  socket.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nkept');
});
Reflect.set(server, 'httpAllowHalfOpen', true);
worker.server = server;
setInterval(() => writeSync(DATA, HAS_NONE), 10);
