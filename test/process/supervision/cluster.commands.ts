// What the master process can be asked of node:cluster: the settings of the last fork.
import cluster from 'node:cluster';
import type { MasterCommands } from '../../kit/master-messages.js';

export const commands: MasterCommands = {
  lastFork: () => ({ uid: cluster.settings.uid ?? null, gid: cluster.settings.gid ?? null }),
};
