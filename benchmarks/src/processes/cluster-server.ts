// The same site under bare node:cluster with its round-robin. Arguments: the host, the number of workers;
// for https also the files of key and certificate, and 'http2' for that.
import cluster from 'node:cluster';
import type { AddressInfo } from 'node:net';
import { createSiteServer } from './answer.js';
import { sendReady } from './ready.js';

const [host = '', count = '2', key, cert, http2] = process.argv.slice(2);
if (cluster.isPrimary) {
  cluster.schedulingPolicy = cluster.SCHED_RR;
  let port: number | undefined;
  let listening = 0;
  cluster.on('listening', (_worker, address: AddressInfo) => {
    port ??= address.port;
    listening += 1;
    if (listening < Number(count)) return;
    sendReady({
      port,
      workerPids: Object.values(cluster.workers ?? {}).flatMap((worker) => worker?.process.pid ?? []),
    });
  });
  for (let index = 0; index < Number(count); index += 1) cluster.fork();
  process.on('disconnect', () => process.exit());
} else {
  const secure =
    key === undefined || cert === undefined ? undefined : { key, cert, http2: http2 !== undefined };
  createSiteServer(host, secure).listen(0, '127.0.0.1');
}
