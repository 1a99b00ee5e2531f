// Bare node:cluster with its round-robin and two workers: what Node itself offers, without virtual hosts.
import type { Contender } from './server.js';
import { startProcess } from './server.js';

export const nodeCluster: Contender = {
  name: 'node:cluster',
  start: async () => {
    const server = await startProcess('cluster-server', ['a.test', '2']);
    return { ...server, hosts: ['a.test'] };
  },
};
