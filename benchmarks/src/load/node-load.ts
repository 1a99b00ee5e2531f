// Load by a client in Node, in a process of its own: slower than wrk, so servers look more alike than they are.
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { LoadGenerator, LoadPlan, LoadResult } from './load.js';

export const nodeLoad: LoadGenerator = {
  name: 'the client in load/closed-loop.ts (wrk is not installed)',
  run,
};

async function run(plan: LoadPlan): Promise<LoadResult> {
  const child = fork(fileURLToPath(new URL('./closed-loop.js', import.meta.url)), [JSON.stringify(plan)], {
    execArgv: [],
  });
  return await new Promise<LoadResult>((resolve, reject) => {
    child.once('error', reject);
    child.once('message', (message) => resolve(message as LoadResult));
    child.once('exit', (code) => reject(new Error(`the client ended with code ${code} and no result`)));
  });
}
