// Clients that open a connection for each request: whether it is taken, and answered by the right site.
import { setTimeout as delay } from 'node:timers/promises';
import { checkAnswer, slowPost, WrongAnswer } from './exchange.js';
import { Latencies } from './latencies.js';
import { Random } from './random.js';
import { Tally } from './tally.js';
import { WireClient } from './wire-client.js';

/** What to put on a site. */
export interface FreshLoadOptions {
  port: number;
  host: string;
  /** The site that must answer. */
  siteId: string;
  clientCount: number;
  seed: number;
  /** Opens a connection; default: plain TCP. */
  connect?: (port: number) => Promise<WireClient>;
  /** Bytes of each body. Default 200. */
  bodyBytes?: number;
  /** How long the site takes for each answer, ms. Default 0. */
  slowMs?: number;
  /** The longest pause between two requests of a client, ms; each is random. Default 0. */
  pauseMaxMs?: number;
}

export class FreshLoad {
  readonly tally: Tally = new Tally();
  /** How long each answer took, from before its connection was opened, ms. */
  readonly latencies: Latencies = new Latencies();
  readonly #options: FreshLoadOptions;
  readonly #clients: Promise<void>[];
  #stopping = false;

  /** Begins. */
  constructor(options: FreshLoadOptions) {
    this.#options = options;
    this.#clients = Array.from({ length: options.clientCount }, (_, index) =>
      this.#run(new Random(options.seed + index)),
    );
  }

  /** Lets each client read what it waits for, then ends. */
  async stop(): Promise<Tally> {
    this.#stopping = true;
    await Promise.all(this.#clients);
    return this.tally;
  }

  async #run(random: Random): Promise<void> {
    const { pauseMaxMs = 0 } = this.#options;
    while (!this.#stopping && !this.tally.hopeless) {
      await this.#request(random);
      if (pauseMaxMs > 0) await delay(random.integer(0, pauseMaxMs));
    }
  }

  async #request(random: Random): Promise<void> {
    const { port, host, siteId, bodyBytes = 200, slowMs = 0 } = this.#options;
    const { connect = (to: number) => WireClient.open(to) } = this.#options;
    const startedMs = performance.now();
    let client: WireClient;
    try {
      client = await connect(port);
    } catch (error) {
      this.tally.fail('refused', String(error));
      return;
    }
    this.tally.connectCount += 1;
    try {
      const request = slowPost(random, host, { bodyBytes, slowMs, closes: true });
      client.send(request.bytes);
      const answerer = await checkAnswer(client, request);
      if (answerer.siteId !== siteId) throw new WrongAnswer(`answered by site ${answerer.siteId}`);
      this.tally.counts.ok += 1;
      this.tally.pids.add(answerer.pid);
      this.tally.generations.add(answerer.generation);
      this.latencies.add(performance.now() - startedMs);
    } catch (error) {
      this.tally.failWith(error);
    } finally {
      client.close();
    }
  }
}
