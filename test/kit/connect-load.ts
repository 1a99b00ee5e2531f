// Clients that open a connection for each request: what a refused or lost connection costs shows at once.
import { checkAnswer, simpleExchange } from './exchange.js';
import { Tally } from './tally.js';
import { WireClient } from './wire-client.js';

export class ConnectLoad {
  readonly tally: Tally = new Tally();
  /** The longest that an answer took, ms. */
  slowestMs = 0;
  readonly #lanes: Promise<void>[];
  #stopped = false;
  #wakeups: (() => void)[] = [];

  /** Begins. */
  constructor(port: number, host: string, clientCount = 2) {
    this.#lanes = Array.from({ length: clientCount }, async () => {
      while (!this.#stopped && !this.tally.hopeless) await this.#once(port, host);
    });
  }

  /** Resolves once so many answers more have come; rejects when next to none come any more. */
  async progress(count: number): Promise<void> {
    const wanted = this.tally.counts.ok + count;
    while (this.tally.counts.ok < wanted && !this.#stopped) {
      if (this.tally.hopeless) throw new Error(`nothing goes on: ${this.tally.failures.join('\n')}`);
      await new Promise<void>((resolve) => this.#wakeups.push(resolve));
    }
  }

  /** Lets each client read what it waits for, then ends. */
  async stop(): Promise<Tally> {
    this.#stopped = true;
    await Promise.all(this.#lanes);
    return this.tally;
  }

  async #once(port: number, host: string): Promise<void> {
    const startedMs = performance.now();
    let client: WireClient;
    try {
      client = await WireClient.open(port);
    } catch (error) {
      this.tally.fail('refused', String(error));
      this.#wake();
      await new Promise(setImmediate);
      return;
    }
    this.tally.connectCount += 1;
    try {
      const request = simpleExchange(host);
      client.send(request.bytes);
      const { pid } = await checkAnswer(client, request);
      this.tally.counts.ok += 1;
      this.tally.pids.add(pid);
    } catch (error) {
      this.tally.failWith(error);
    } finally {
      client.close();
      this.slowestMs = Math.max(this.slowestMs, performance.now() - startedMs);
      this.#wake();
    }
  }

  #wake(): void {
    for (const wakeup of this.#wakeups.splice(0)) wakeup();
  }
}
