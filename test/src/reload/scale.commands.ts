// What the master process of these tests can be told besides the rig's own commands.
import master from '@vhostd/master';
import type { RigCommands } from '../kit/rig-messages.js';

/** A call of a worker, by its id. */
export interface WorkerCall {
  workerId: string;
  name: string;
  params: unknown;
}

export const commands: RigCommands = {
  call: (params) => {
    const { workerId, name, params: own } = params as WorkerCall;
    return master.callWorker(workerId, name, own);
  },
};
