// What the master process of these tests can be told besides the vhostd's own commands.
import master from '@vhostd/master';
import type { Commands } from '../../kit/orders.js';

/** Sets the worker count of site `a` through one of its workers. */
export interface Scale {
  workerId: string;
  count: number;
}

export const commands: Commands = {
  scale: (params) => {
    const { workerId, count } = params as Scale;
    return master.callWorker(workerId, 'scale', count);
  },
  /** Reloads, and from the moment on in which the old workers are told to drain does nothing any more. */
  reloadAndFreeze: async () => {
    await master.reLoadSite('a');
    setImmediate(() => {
      for (;;);
    });
  },
};
