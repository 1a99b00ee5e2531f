// Clients in a process of their own: what the tests' load client does, away from what measures it.
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

export interface ClientsPlan {
  port: number;
  /** Asked for in turn, over all clients together. */
  hosts: readonly string[];
  groups: readonly GroupPlan[];
  /** `get`: what every server under test answers. `post`: 16 KB, which a hashing server answers. */
  request: 'get' | 'post';
  /** A client pauses up to this long before each request, ms, at random. */
  pauseMaxMs: number;
  /** How long a connection, and then an answer, may take, ms. */
  limitMs: number;
  /** As of a load. */
  secure?: 'full' | 'resumed';
}

/** What became of a group. */
export interface GroupResult {
  outcome: Outcome;
  /** From its start until it was stopped. */
  seconds: number;
  p50Ms: number;
  p99Ms: number;
}

export class Clients {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /** Resolves once every client has had the first of its requests behind it. */
  static async start(plan: ClientsPlan): Promise<Clients> {
    const file = fileURLToPath(new URL('../processes/clients.js', import.meta.url));
    const child = fork(file, [JSON.stringify(plan)], { execArgv: [] });
    await message(child);
    return new Clients(child);
  }

  /** Lets each client read what it waits for; what became of each group. */
  async stop(): Promise<GroupResult[]> {
    const result = message(this.#child);
    this.#child.send('stop');
    return (await result) as GroupResult[];
  }
}

function message(child: ChildProcess): Promise<unknown> {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('message', resolve);
    child.once('exit', (code) => reject(new Error(`the clients ended with code ${code} and no result`)));
  });
}
