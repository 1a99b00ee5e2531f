// A site whose answers to pings are garbage.
import { createServer } from 'node:http';
import worker from '@vhostd/worker';

process.memoryUsage.rss = () => -1;
worker.server = createServer((_request, response) => void response.end());
