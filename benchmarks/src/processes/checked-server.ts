// A plain Node process whose requests are looked at as in a worker. Arguments: the host; 'bare' leaves the look out.
import type { Socket } from 'node:net';
import { SiteHosts } from '../../../packages/worker/dist/rehome/host-claims.js';
import { HostCheck } from '../../../packages/worker/dist/rehome/host-check.js';
import { Refusals } from '../../../packages/worker/dist/rehome/refusals.js';
import { createSiteServer } from './answer.js';
import { sendReady } from './ready.js';

const [host = '', how] = process.argv.slice(2);
const LISTENER = '*|80';
const server = createSiteServer(host);
if (how !== 'bare') {
  const hosts = new SiteHosts();
  hosts.set([{ [LISTENER]: { isDefault: false, own: [host], others: [] } }]);
  const header = { listener: LISTENER, secure: false, peeked: true, handedBack: false };
  const check = new HostCheck(server, {
    hosts,
    originOf: () => header,
    rerouting: undefined,
    refusals: new Refusals(),
    isLeaving: () => false,
    endSession: () => undefined,
  });
  server.on('connection', (socket: Socket) => check.watch(socket, header));
}
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  if (typeof address === 'object' && address !== null) sendReady({ port: address.port, workerPids: [] });
});
process.on('disconnect', () => process.exit());
