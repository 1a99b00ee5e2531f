// A site whose server has settings of its own, and closes when it is asked to.
import { createServer } from 'node:http';
import worker from '@vhostd/worker';

const server = createServer((request, response) => {
  if (request.url === '/close') {
    server.close();
    response.end('closing');
    return;
  }
  server.getConnections((_error, count) => response.end(`${count} at ${JSON.stringify(server.address())}`));
});
server.keepAliveTimeout = 300;
server.maxRequestsPerSocket = 3;
worker.server = server;
