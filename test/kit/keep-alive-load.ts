// Clients that each keep one connection and send the next requests as soon as the last ones are answered, or after a
// pause.
import { setTimeout as delay } from 'node:timers/promises';
import { checkAnswer, randomExchange } from './exchange.js';
import type { Exchange } from './exchange.js';
import { Random } from './random.js';
import { Tally } from './tally.js';
import { WireClient } from './wire-client.js';

/** What to put on a site. */
export interface LoadOptions {
  port: number;
  host: string;
  clientCount: number;
  seed: number;
  /** Opens a connection; default: plain TCP. */
  connect?: (port: number) => Promise<WireClient>;
  /** Most requests sent before the first answer is read. Default 3. */
  pipelineMaxCount?: number;
  /** The longest pause before the next requests of a client, ms; each is random. Default 0: none at all. */
  pauseMaxMs?: number;
  /** The next request of a client. Default: a GET or POST of random size and shape. */
  request?: (random: Random, host: string) => Exchange;
}

export class KeepAliveLoad {
  readonly tally: Tally = new Tally();
  readonly #options: LoadOptions;
  readonly #clients: Promise<void>[];
  #stopping = false;
  #wakeups: (() => void)[] = [];

  /** Begins. */
  constructor(options: LoadOptions) {
    this.#options = options;
    this.#clients = Array.from({ length: options.clientCount }, (_, index) =>
      this.#run(new Random(options.seed + index)),
    );
  }

  /** Resolves once so many answers more have come; rejects when next to none come any more. */
  async progress(count: number): Promise<void> {
    const wanted = this.tally.counts.ok + count;
    while (this.tally.counts.ok < wanted && !this.#stopping) {
      if (this.tally.hopeless) throw new Error(`nothing goes on: ${this.tally.failures.join('\n')}`);
      await new Promise<void>((resolve) => this.#wakeups.push(resolve));
    }
  }

  /** Lets each client read what it waits for, then ends. */
  async stop(): Promise<Tally> {
    this.#stopping = true;
    await Promise.all(this.#clients);
    this.#wake();
    return this.tally;
  }

  async #run(random: Random): Promise<void> {
    while (!this.#stopping && !this.tally.hopeless) {
      const client = await this.#connect();
      if (client === undefined) continue;
      try {
        while (!this.#stopping && (await this.#exchange(client, random))) await this.#pause(random);
      } catch (error) {
        this.#onError(error);
      } finally {
        client.close();
      }
    }
  }

  async #connect(): Promise<WireClient | undefined> {
    const { port, connect = (to) => WireClient.open(to) } = this.#options;
    try {
      const client = await connect(port);
      this.tally.connectCount += 1;
      return client;
    } catch (error) {
      this.tally.fail('refused', String(error));
      this.#wake();
      await new Promise(setImmediate);
      return undefined;
    }
  }

  async #pause(random: Random): Promise<void> {
    const { pauseMaxMs = 0 } = this.#options;
    if (pauseMaxMs > 0) await delay(random.integer(0, pauseMaxMs));
  }

  /** One to three requests and their answers; false when the site said that the connection ends. */
  async #exchange(client: WireClient, random: Random): Promise<boolean> {
    const { host, pipelineMaxCount = 3, request: next = randomExchange } = this.#options;
    const requests = Array.from({ length: random.integer(1, pipelineMaxCount) }, () => next(random, host));
    const pieces = random.cut(Buffer.concat(requests.map(({ bytes }) => bytes)), random.integer(1, 4));
    for (const piece of pieces) {
      client.send(piece);
      if (random.next() < 0.5) await new Promise(setImmediate);
    }
    for (const request of requests) {
      const { pid, generation, closes } = await checkAnswer(client, request);
      this.tally.counts.ok += 1;
      this.tally.pids.add(pid);
      this.tally.generations.add(generation);
      this.#wake();
      if (!closes) continue;
      this.tally.announcedCount += 1;
      return false;
    }
    return true;
  }

  #onError(error: unknown): void {
    this.tally.failWith(error);
    this.#wake();
  }

  #wake(): void {
    for (const wakeup of this.#wakeups.splice(0)) wakeup();
  }
}
