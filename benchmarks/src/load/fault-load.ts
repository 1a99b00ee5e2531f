// Clients on a system while it is reloaded and killed, in a process of their own.
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Outcome } from './outcome.js';

/** Clients of one kind. */
export interface GroupPlan {
  clients: number;
  /** Whether a client keeps its connection for its next request, or opens one for each. */
  keepAlive: boolean;
}

export interface FaultPlan {
  port: number;
  host: string;
  groups: readonly GroupPlan[];
  /** A client pauses up to this long before each request, ms, at random. */
  pauseMaxMs: number;
  /** How long a connection, and then an answer, may take, ms. */
  limitMs: number;
}

export class FaultLoad {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /** Resolves once every client has had the first of its requests behind it. */
  static async start(plan: FaultPlan): Promise<FaultLoad> {
    const file = fileURLToPath(new URL('./fault-clients.js', import.meta.url));
    const child = fork(file, [JSON.stringify(plan)], { execArgv: [] });
    await message(child);
    return new FaultLoad(child);
  }

  /** Lets each client read what it waits for; what became of each group. */
  async stop(): Promise<Outcome[]> {
    const result = message(this.#child);
    this.#child.send('stop');
    return (await result) as Outcome[];
  }
}

function message(child: ChildProcess): Promise<unknown> {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('message', resolve);
    child.once('exit', (code) => reject(new Error(`the clients ended with code ${code} and no result`)));
  });
}
