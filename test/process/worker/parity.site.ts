// A site whose server has settings of its own, closes when it is asked to, and tells what it sees of vhostd's.
import { createServer } from 'node:http';
import { inspect } from 'node:util';
import worker from '@vhostd/worker';

const server = createServer((request, response) => {
  if (request.url === '/close') {
    server.close();
    response.end('closing');
    return;
  }
  if (request.url === '/seen') {
    const seen = inspect([request.socket, response], { depth: 4 });
    response.end([...seen.matchAll(/Symbol\(vhostd[^)]*\)/g)].join());
    return;
  }
  server.getConnections((_error, count) => response.end(`${count} at ${JSON.stringify(server.address())}`));
});
server.keepAliveTimeout = 300;
server.maxRequestsPerSocket = 3;
worker.server = server;
