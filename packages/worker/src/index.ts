// `const worker = require('@vhostd/worker')` or `import worker from '@vhostd/worker'`.
import { readIdentity } from './master-side.js';
import { Worker } from './worker.js';

/** One worker a process, even where a site brings its own copy of this package. */
const PROCESS_WIDE = Symbol.for('vhostd.worker');

/** This process's worker. */
export const worker: Worker = theWorker();
export default worker;
export { worker as 'module.exports' };

export type { UpdateResult } from './conf-sender.js';
export type { LifecycleHooks } from './lifecycle.js';
export type { ConfigurableServer } from './server-config.js';
export type { WaitOptions, Worker, WorkerEvents } from './worker.js';

function theWorker(): Worker {
  const known: unknown = Reflect.get(globalThis, PROCESS_WIDE);
  if (known !== undefined) return known as Worker;
  const created = new Worker(readIdentity());
  Reflect.set(globalThis, PROCESS_WIDE, created);
  return created;
}
