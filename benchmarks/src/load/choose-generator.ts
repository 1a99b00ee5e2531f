// Which generator makes the load on a server.
import { programVersion } from '../measure/machine.js';
import type { LoadGenerator } from './load-plan.js';
import { nodeLoad } from './node-load.js';
import { wrkLoad } from './wrk.js';

/** wrk where it is installed, else a client in Node. */
export async function chooseGenerator(): Promise<LoadGenerator> {
  const version = await programVersion('wrk', ['-v']);
  if (version === undefined) return { ...nodeLoad, name: `${nodeLoad.name}: wrk is not installed` };
  return { name: version.replace(/ Copyright.*/, ''), run: wrkLoad };
}
