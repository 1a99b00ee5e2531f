// Several servers under the same load, in interleaved rounds: rate, latency, and the CPU time of each process.
import type { Load, LoadResult } from '../load/load-plan.js';
import { verifyAnswers } from '../load/verify.js';
import { cpuMicroseconds } from '../measure/process-usage.js';
import { interleave } from '../measure/rounds.js';
import type { Contender, Running } from '../servers/server.js';
import type { Effort } from './question.js';

/** One contender in one round. */
export interface Round extends LoadResult {
  perSecond: number;
  /** CPU time per request, µs: of the process that accepts, and of its workers together. */
  frontMicroseconds: number;
  workersMicroseconds: number;
}

/** All rounds of each contender, by name; of those that can't run here, why. */
export interface Contest {
  rounds: ReadonlyMap<string, readonly Round[]>;
  unavailable: ReadonlyMap<string, string>;
}

/** Starts the contenders, warms each up, measures them in turn; answers are checked before and after. */
export async function contest(
  contenders: readonly Contender[],
  plan: Omit<Load, 'hosts'>,
  { generator, rounds, durationMs }: Effort,
): Promise<Contest> {
  const running = new Map<string, Running>();
  const unavailable = new Map<string, string>();
  try {
    for (const contender of contenders) {
      const started = await contender.start();
      if ('unavailable' in started) unavailable.set(contender.name, started.unavailable);
      else running.set(contender.name, started);
    }
    const own = new Map(contenders.map(({ name, load }) => [name, load]));
    const load = (name: string, { port }: Running, forMs: number): Promise<LoadResult> =>
      generator.run({ hosts: ['a.test'], ...plan, ...own.get(name), port, durationMs: forMs });
    for (const [name, server] of running) {
      await verifyAnswers(server);
      await warmUp((forMs) => load(name, server, forMs));
    }
    const figures = await interleave([...running.keys()], rounds, async (name) => {
      const server = running.get(name);
      if (server === undefined) throw new Error(`${name} does not run`);
      const before = usage(server);
      const result = await load(name, server, durationMs);
      const after = usage(server);
      return {
        ...result,
        perSecond: result.requests / result.seconds,
        frontMicroseconds: (after.front - before.front) / result.requests,
        workersMicroseconds: (after.workers - before.workers) / result.requests,
      };
    });
    for (const server of running.values()) await verifyAnswers(server);
    return { rounds: figures, unavailable };
  } finally {
    await Promise.all([...running.values()].map((server) => server.stop()));
  }
}

function usage({ pid, workerPids }: Running): { front: number; workers: number } {
  return {
    front: cpuMicroseconds(pid),
    workers: workerPids.reduce((sum, worker) => sum + cpuMicroseconds(worker), 0),
  };
}

/**
 * Until a server's code is compiled, which takes a number of requests, not a time: where each costs a handshake, most of
 * what is in their way is not optimised after 2 s.
 */
async function warmUp(load: (forMs: number) => Promise<LoadResult>): Promise<void> {
  const endMs = performance.now() + WARM_UP_LIMIT_MS;
  let requests = 0;
  do requests += (await load(WARM_UP_MS)).requests;
  while (requests < WARM_UP_REQUESTS && performance.now() < endMs);
}

const WARM_UP_MS = 2000;
const WARM_UP_REQUESTS = 20_000;
/** For a server or machine that is slow. */
const WARM_UP_LIMIT_MS = 30_000;
