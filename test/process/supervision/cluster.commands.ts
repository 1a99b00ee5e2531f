// What the master process can be asked of node:cluster: the settings of the last fork.
import cluster from 'node:cluster';
import type { Commands } from '../../kit/orders.js';

export const commands: Commands = {
  lastFork: () => ({ uid: cluster.settings.uid ?? null, gid: cluster.settings.gid ?? null }),
};
