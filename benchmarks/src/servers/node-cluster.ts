// Bare node:cluster with its round-robin: what Node itself offers, without virtual hosts.
import type { Identity } from './identity.js';
import type { Contender } from './server.js';
import { startProcess } from './server.js';

export const nodeCluster: Contender = cluster();

/** With so many workers, which are https servers where there is an identity, or speak HTTP/2 as well. */
export function cluster({
  workers = 2,
  identity,
  http2 = false,
}: { workers?: number; identity?: Identity; http2?: boolean } = {}): Contender {
  const keys = identity === undefined ? [] : [identity.key, identity.cert, ...(http2 ? ['http2'] : [])];
  return {
    name: 'node:cluster',
    start: async () => {
      const server = await startProcess('cluster-server', ['a.test', String(workers), ...keys]);
      return { ...server, hosts: ['a.test'], secure: identity !== undefined };
    },
  };
}
