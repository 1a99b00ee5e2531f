// What the master process can be asked of node:cluster: the settings of the last fork.
import cluster from 'node:cluster';
import type { RigCommands } from '../../kit/rig-messages.js';

export const commands: RigCommands = {
  lastFork: () => ({ uid: cluster.settings.uid ?? null, gid: cluster.settings.gid ?? null }),
};
