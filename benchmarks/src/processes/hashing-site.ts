// The hashing server as a site under vhostd.
import { worker } from '@vhostd/worker';
import { createHashingServer } from './hashing-server.js';

worker.server = createHashingServer();
