// Bare node:cluster with its round-robin and two workers: what Node itself offers, without virtual hosts.
import type { Identity } from './identity.js';
import type { Contender } from './server.js';
import { startProcess } from './server.js';

export const nodeCluster: Contender = contender();

/** The same with an https server. */
export function secureCluster(identity: Identity): Contender {
  return contender(identity);
}

function contender(identity?: Identity): Contender {
  const keys = identity === undefined ? [] : [identity.key, identity.cert];
  return {
    name: 'node:cluster',
    start: async () => {
      const server = await startProcess('cluster-server', ['a.test', '2', ...keys]);
      return { ...server, hosts: ['a.test'], secure: identity !== undefined };
    },
  };
}
