// Bare node:cluster with its round-robin and two workers: what Node itself offers, without virtual hosts.
import type { Identity } from './identity.js';
import type { Contender } from './server.js';
import { startProcess } from './server.js';

export const nodeCluster: Contender = contender();

/** The same with an https server, or one that speaks HTTP/2. */
export function secureCluster(identity: Identity, http2 = false): Contender {
  return contender(identity, http2);
}

function contender(identity?: Identity, http2 = false): Contender {
  const keys = identity === undefined ? [] : [identity.key, identity.cert, ...(http2 ? ['http2'] : [])];
  return {
    name: 'node:cluster',
    start: async () => {
      const server = await startProcess('cluster-server', ['a.test', '2', ...keys]);
      return { ...server, hosts: ['a.test'], secure: identity !== undefined };
    },
  };
}
