// The same site as one plain Node process, for a proxy in front. Argument: the host.
import { createSiteServer } from './answer.js';
import { sendReady } from './ready.js';

const [host = ''] = process.argv.slice(2);
const server = createSiteServer(host);
// Longer than the proxy keeps its connections, so that it never writes to one that is being closed.
server.keepAliveTimeout = 75_000;
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  if (typeof address === 'object' && address !== null) sendReady({ port: address.port, workerPids: [] });
});
process.on('disconnect', () => process.exit());
