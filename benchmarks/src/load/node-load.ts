// Load by the client in Node, in a process of its own: slower than wrk, so servers look more alike than they are.
import { setTimeout as delay } from 'node:timers/promises';
import { Clients } from './clients.js';
import type { LoadGenerator, LoadPlan, LoadResult } from './load-plan.js';
import { failedCount } from './outcome.js';

export const nodeLoad: LoadGenerator = {
  name: 'the client of the tests',
  run,
};

async function run({ port, hosts, connections, durationMs, mode, secure }: LoadPlan): Promise<LoadResult> {
  const groups = [{ clients: connections, keepAlive: mode === 'keep-alive' }];
  const clients = await Clients.start({
    port,
    hosts,
    groups,
    request: 'get',
    pauseMaxMs: 0,
    limitMs: REQUEST_LIMIT_MS,
    ...(secure === undefined ? {} : { secure }),
  });
  await delay(durationMs);
  const [result] = await clients.stop();
  if (result === undefined) throw new Error('no result of the clients');
  const { outcome, seconds, p50Ms, p99Ms } = result;
  return { requests: outcome.ok, seconds, errors: failedCount(outcome), p50Ms, p99Ms };
}

const REQUEST_LIMIT_MS = 30_000;
