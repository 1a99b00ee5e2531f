// A site whose server takes two connections at a time.
import { createServer } from 'node:http';

const server = createServer((_request, response) => response.end('here'));
server.maxConnections = 2;
server.keepAliveTimeout = 0;
server.listen(1);
