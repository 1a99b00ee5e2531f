// One system, started anew, under one fault while clients ask it.
import { setTimeout as delay } from 'node:timers/promises';
import { Clients } from '../load/clients.js';
import type { GroupPlan } from '../load/clients.js';
import type { Outcome } from '../load/outcome.js';
import { HOST } from '../servers/system.js';
import type { Fault, System } from '../servers/system.js';

/** What is done, and for how long it is watched. */
export interface TrialPlan {
  fault: Fault;
  groups: readonly GroupPlan[];
  /** How long the clients go on after a kill, ms. */
  watchMs: number;
}

/** What became of each group. The system must name the fault. */
export async function trial(system: System, { fault, groups, watchMs }: TrialPlan): Promise<Outcome[]> {
  const running = await system.start();
  try {
    const clients = await Clients.start({
      port: running.port,
      hosts: [HOST],
      groups,
      request: 'post',
      pauseMaxMs: PAUSE_MAX_MS,
      limitMs: REQUEST_LIMIT_MS,
    });
    // Until every client is in its own rhythm.
    await delay(BEFORE_MS);
    const times = fault === 'reload' ? RELOADS_IN_A_ROW : 1;
    for (let count = 0; count < times; count += 1) {
      await running.inflict(fault);
      await delay(fault === 'reload' ? BETWEEN_RELOADS_MS : watchMs);
    }
    return (await clients.stop()).map(({ outcome }) => outcome);
  } finally {
    await running.stop();
  }
}

/** Reloads of a system before it is stopped: each meets the old processes of the one before. */
export const RELOADS_IN_A_ROW = 3;
const BETWEEN_RELOADS_MS = 500;
const BEFORE_MS = 1000;
/** A client pauses up to this long before each request, ms. */
export const PAUSE_MAX_MS = 50;
/** How long a connection, and then an answer, may take, ms. */
const REQUEST_LIMIT_MS = 10_000;
