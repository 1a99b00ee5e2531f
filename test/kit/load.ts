// The one load client: clients that each send a request, wait for the whole answer, check it, pause, send the next,
// and repeat nothing that failed. It loads as little as it can, so that benchmarks can use it as well.
import { setTimeout as delay } from 'node:timers/promises';
import { checkAnswer, randomExchange, simpleExchange } from './exchange.js';
import type { Exchange, Told } from './exchange.js';
import { Outcome, WrongAnswer } from './outcome.js';
import { Random } from './random.js';
import { WireClient } from './wire-client.js';

/** Makes the next request of a client; `closes`: its answer should be the connection's last. */
export type NextRequest = (random: Random, host: string, closes: boolean) => Exchange;

/** What to put on a site. */
export interface LoadOptions {
  port: number;
  host: string;
  /** `kept`: each client keeps its connection for as long as it lasts. `fresh`: it opens one for each request. */
  connections: 'kept' | 'fresh';
  /** Default 2. */
  clientCount?: number;
  /** The site that must answer, or those that may, where answers tell. Default: the first label of the host. */
  siteId?: string | readonly string[];
  /** The next request of a client. Default: a GET with a small answer of the echo site. */
  request?: NextRequest;
  /** Most requests that are sent before the first answer is read, on kept connections; random. Default 1. */
  pipelineMaxCount?: number;
  /** Sends requests in up to four pieces, cut anywhere, some of them a turn of the event loop later. */
  cuts?: boolean;
  /** The longest pause before a request, ms; each is random. Default 0: none at all. */
  pauseMaxMs?: number;
  /** Opens a connection. Default: plain TCP. */
  connect?: (port: number) => Promise<WireClient>;
  /** The longest wait for an answer, ms. Default 60 000, which only a hang takes. */
  limitMs?: number;
  /** What bodies, cuts and pauses are drawn from. Default: {@link Random.seed}. */
  seed?: number;
  /** So many failures end the load: it tells nothing more. Default 500. */
  lostMaxCount?: number;
  /** A client whose connection ends does not open another one. */
  once?: boolean;
  /** Is told of each request when it has ended. */
  onAttempt?: (attempt: Attempt) => void;
  /** Is told when the server has ended a kept connection without a word, so long behind its last answer, ms. */
  onClosed?: (idleMs: number) => void;
}

/** One request and what became of it. */
export interface Attempt {
  url: string;
  /** Of the first request on the same connection. */
  connection: string;
  startedMs: number;
  endedMs: number;
  /** Who had it, as far as the client was told. */
  told: Told;
  /** `ok`, or the code of what went wrong. */
  outcome: string;
}

/** For {@link LoadOptions}: GETs and POSTs of up to 16 KB, with a length or chunked, up to three at once, cut anywhere. */
export const MIXED: Pick<LoadOptions, 'request' | 'pipelineMaxCount' | 'cuts'> = {
  request: randomExchange,
  pipelineMaxCount: 3,
  cuts: true,
};

/** A client. */
interface Lane {
  random: Random;
  /** It has had no request behind it yet. */
  silent: boolean;
}

export class Load {
  readonly outcome: Outcome = new Outcome();
  readonly seed: number;
  /** Resolves once every client has had the first of its requests behind it. */
  readonly flowing: Promise<void>;
  readonly #options: LoadOptions;
  readonly #siteIds: readonly string[];
  readonly #clients: Promise<void>[];
  #stopping = false;
  /** Clients that have had no answer yet. */
  #silentCount: number;
  #onFlowing: () => void = () => undefined;
  #openCount = 0;
  #hold: Promise<void> | undefined;
  #goOn: () => void = () => undefined;
  #wakeups: (() => void)[] = [];

  /** Begins. */
  constructor(options: LoadOptions) {
    this.#options = options;
    this.#siteIds = [options.siteId ?? siteOf(options.host)].flat();
    this.seed = options.seed ?? Random.seed();
    const { clientCount = 2 } = options;
    this.#silentCount = clientCount;
    this.flowing = new Promise((resolve) => {
      this.#onFlowing = resolve;
    });
    this.#clients = Array.from({ length: clientCount }, (_, index) =>
      this.#run({ random: new Random(this.seed + index), silent: true }),
    );
  }

  /** Resolves once it is so; what changes with answers and connections is looked at again behind each. */
  async until(what: string, done: () => boolean): Promise<void> {
    while (!done()) {
      if (this.#hopeless)
        throw new Error(`nothing goes on, and not: ${what}\n${this.outcome.failures.join('\n')}`);
      await new Promise<void>((resolve) => this.#wakeups.push(resolve));
    }
  }

  /** Resolves once so many right answers more have come; rejects when next to none come any more. */
  async progress(count: number): Promise<void> {
    const { counts } = this.outcome;
    const wanted = counts.ok + count;
    await this.until(`${count} answers more`, () => counts.ok >= wanted || this.#stopping);
  }

  /** Resolves once no client has a connection; none opens one until {@link goOn}. */
  async hold(): Promise<void> {
    this.#hold = new Promise((resolve) => {
      this.#goOn = resolve;
    });
    await this.until('no connection', () => this.#openCount === 0);
  }

  goOn(): void {
    this.#hold = undefined;
    this.#goOn();
  }

  /** Sends so many requests at once, each on a connection of its own. */
  burst(count: number): void {
    const lane = { random: new Random(this.seed - 1), silent: false };
    for (let index = 0; index < count; index += 1) this.#clients.push(this.#connection(lane, false));
  }

  /** Resolves once all clients have ended by themselves: with `once`. */
  async ended(): Promise<Outcome> {
    await Promise.all(this.#clients);
    return this.outcome;
  }

  /** Lets each client read what it waits for, then ends. */
  async stop(): Promise<Outcome> {
    this.#stopping = true;
    this.outcome.endGap();
    this.goOn();
    await Promise.all(this.#clients);
    this.#wake();
    return this.outcome;
  }

  get #hopeless(): boolean {
    return this.outcome.lostCount >= (this.#options.lostMaxCount ?? LOST_MAX_COUNT);
  }

  get #over(): boolean {
    return this.#stopping || this.#hopeless;
  }

  async #run(lane: Lane): Promise<void> {
    const { connections, once = false } = this.#options;
    do {
      await this.#pause(lane);
      while (this.#hold !== undefined) await this.#hold;
      if (!this.#over) await this.#connection(lane, connections === 'kept');
    } while (!this.#over && !once);
  }

  /** One connection, from its first request to its last. */
  async #connection(lane: Lane, kept: boolean): Promise<void> {
    const { counts } = this.outcome;
    const startedMs = performance.now();
    const requests = this.#next(lane, kept);
    this.#openCount += 1;
    const client = await this.#open(lane, requests, startedMs);
    try {
      if (client === undefined) return;
      const first = requests[0]?.url ?? '';
      if (!(await this.#exchange(client, requests, { lane, kept, first, startedMs })) || !kept) return;
      while (!this.#over && this.#hold === undefined) {
        const idleSinceMs = performance.now();
        await this.#pause(lane);
        if (client.ended) {
          this.outcome.fail('closed', `client port ${client.port} between two requests`);
          this.#options.onClosed?.(performance.now() - idleSinceMs);
          return;
        }
        if (this.#over) return;
        const more = this.#next(lane, kept);
        const sentMs = performance.now();
        if (!(await this.#exchange(client, more, { lane, kept, first, startedMs: sentMs }))) return;
      }
    } catch (error) {
      this.outcome.failWith(error);
      if (kept && client?.ended === true) counts.closed += 1;
    } finally {
      client?.close();
      this.#openCount -= 1;
      this.#wake();
    }
  }

  async #open(lane: Lane, requests: readonly Exchange[], startedMs: number): Promise<WireClient | undefined> {
    const { port, connect = (to) => WireClient.open(to, this.#wire) } = this.#options;
    try {
      const client = await connect(port);
      this.outcome.counts.connections += 1;
      return client;
    } catch (error) {
      this.outcome.counts.sent += 1;
      const code = codeOf(error);
      this.outcome.fail(code === 'timeout' ? 'timedOut' : 'refused', String(error));
      const [request] = requests;
      if (request !== undefined)
        this.#tell(
          lane,
          { url: request.url, connection: request.url, startedMs, told: {} },
          `refused: ${code}`,
        );
      await new Promise(setImmediate);
      return undefined;
    }
  }

  /** Some requests and their answers; false when the site said that the connection ends. */
  async #exchange(
    client: WireClient,
    requests: readonly Exchange[],
    { lane, kept, first, startedMs }: { lane: Lane; kept: boolean; first: string; startedMs: number },
  ): Promise<boolean> {
    const { outcome } = this;
    outcome.counts.sent += requests.length;
    await this.#send(client, requests, lane);
    for (const request of requests) {
      const told: Told = {};
      const attempt = { url: request.url, connection: first, startedMs, told };
      try {
        await checkAnswer(client, request, told);
        if (told.siteId !== undefined && !this.#siteIds.includes(told.siteId))
          throw new WrongAnswer(`${request.url}: answered by site ${told.siteId}`);
      } catch (error) {
        this.#tell(lane, attempt, codeOf(error));
        throw error;
      }
      if (told.pid !== undefined) outcome.pids.add(told.pid);
      if (told.generation !== undefined) outcome.generations.add(told.generation);
      outcome.answered(startedMs);
      this.#tell(lane, attempt, 'ok');
      this.#wake();
      if (told.closes !== true) continue;
      if (kept) outcome.counts.announced += 1;
      return false;
    }
    return true;
  }

  async #send(client: WireClient, requests: readonly Exchange[], { random }: Lane): Promise<void> {
    const all = requests.map((request) => request.bytes);
    const bytes = all.length === 1 && all[0] !== undefined ? all[0] : Buffer.concat(all);
    if (this.#options.cuts !== true) {
      client.send(bytes);
      return;
    }
    const pieces = random.cut(bytes, random.integer(1, 4));
    for (const piece of pieces) {
      client.send(piece);
      if (random.next() < 0.5) await new Promise(setImmediate);
    }
  }

  #next({ random }: Lane, kept: boolean): Exchange[] {
    const { host, pipelineMaxCount = 1, request = defaultRequest } = this.#options;
    if (pipelineMaxCount === 1 || !kept) return [request(random, host, !kept)];
    const count = random.integer(1, pipelineMaxCount);
    return Array.from({ length: count }, () => request(random, host, !kept));
  }

  async #pause({ random }: Lane): Promise<void> {
    const { pauseMaxMs = 0 } = this.#options;
    if (pauseMaxMs > 0) await delay(random.integer(0, pauseMaxMs));
  }

  get #wire(): { limitMs?: number } {
    const { limitMs } = this.#options;
    return limitMs === undefined ? {} : { limitMs };
  }

  #tell(lane: Lane, attempt: Omit<Attempt, 'endedMs' | 'outcome'>, outcome: string): void {
    if (lane.silent) {
      lane.silent = false;
      this.#silentCount -= 1;
      if (this.#silentCount === 0) this.#onFlowing();
    }
    this.#options.onAttempt?.({ ...attempt, outcome, endedMs: performance.now() });
  }

  #wake(): void {
    if (this.#wakeups.length === 0) return;
    for (const wakeup of this.#wakeups.splice(0)) wakeup();
  }
}

function defaultRequest(_random: Random, host: string, closes: boolean): Exchange {
  return simpleExchange(host, closes);
}

function siteOf(host: string): string {
  return host.split('.')[0] ?? '';
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}

const LOST_MAX_COUNT = 500;
