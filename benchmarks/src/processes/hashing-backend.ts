// The hashing server as one plain Node process, for a proxy in front. Argument: the port.
import { createHashingServer } from './hashing-server.js';
import { sendReady } from './ready.js';

const port = Number(process.argv[2]);
createHashingServer().listen(port, '127.0.0.1', () => sendReady({ port, workerPids: [] }));
process.on('disconnect', () => process.exit());
