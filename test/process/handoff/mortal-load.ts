// Clients of the mortal site, again and again, with a connection for each request or one for many; each request is
// written down.
import { WireClient } from '../../kit/wire-client.js';

/** One request and what became of it. */
export interface Attempt {
  /** Path of the request, which no other has. */
  url: string;
  /** Path of the first request on the same connection. */
  connection: string;
  startedMs: number;
  endedMs: number;
  /** The process that had it, as far as the client was told. */
  pid: number | undefined;
  /** `ok`, or what went wrong: a status, an error's code. */
  outcome: string;
}

/** Whom to ask, and how. */
export interface MortalLoadOptions {
  port: number;
  /** The site's id is its first label. */
  host: string;
  /** Clients with a connection for each request. */
  fresh: number;
  /** Clients that keep their connection for as long as it lasts. */
  keptAlive: number;
}

/** Closed-loop clients of one host. */
export class MortalLoad {
  readonly attempts: Attempt[] = [];
  readonly #options: MortalLoadOptions;
  readonly #lanes: Promise<void>[];
  #okCount = 0;
  #wakeups: (() => void)[] = [];
  #stopped = false;

  constructor(options: MortalLoadOptions) {
    this.#options = options;
    const keepAlive = [...Array(options.fresh).fill(false), ...Array(options.keptAlive).fill(true)];
    this.#lanes = keepAlive.map((keep: boolean) => this.#run(keep));
  }

  /** Resolves once so many requests more have been answered. */
  async progress(count: number): Promise<void> {
    const wanted = this.#okCount + count;
    while (this.#okCount < wanted) await new Promise<void>((resolve) => this.#wakeups.push(resolve));
  }

  /** Sends so many requests more, each on a connection of its own, at once. */
  burst(count: number): void {
    for (let index = 0; index < count; index += 1) this.#lanes.push(this.#turn(false));
  }

  /** Ends after the requests under way. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#lanes);
  }

  get failed(): Attempt[] {
    return this.attempts.filter(({ outcome }) => outcome !== 'ok');
  }

  async #run(keepAlive: boolean): Promise<void> {
    while (!this.#stopped) await this.#turn(keepAlive);
  }

  /** One connection, from its first request to its last. */
  async #turn(keepAlive: boolean): Promise<void> {
    let attempt = this.#begin(undefined);
    const client = await this.#open(attempt);
    if (client === undefined) return;
    while ((await this.#exchange(client, attempt, keepAlive)) && keepAlive && !this.#stopped)
      attempt = this.#begin(attempt.connection);
    client.close();
  }

  #begin(connection: string | undefined): Attempt {
    const url = `/${(lastNumber += 1)}`;
    const startedMs = performance.now();
    const attempt = {
      url,
      connection: connection ?? url,
      startedMs,
      endedMs: 0,
      pid: undefined,
      outcome: 'none',
    };
    this.attempts.push(attempt);
    return attempt;
  }

  async #open(attempt: Attempt): Promise<WireClient | undefined> {
    try {
      return await WireClient.open(this.#options.port, { limitMs: 60_000 });
    } catch (error) {
      this.#end(attempt, `refused: ${codeOf(error)}`);
      return undefined;
    }
  }

  /** False when the connection is of no use any more. */
  async #exchange(client: WireClient, attempt: Attempt, keepAlive: boolean): Promise<boolean> {
    const { host } = this.#options;
    try {
      client.send(
        `GET ${attempt.url} HTTP/1.1\r\nHost: ${host}\r\n${keepAlive ? '' : 'Connection: close\r\n'}\r\n`,
      );
      const { status, headers } = await client.head();
      if (status === 200) attempt.pid = Number(headers['x-pid']);
      const body = (await client.body(headers)).toString();
      if (status !== 200) this.#end(attempt, String(status));
      else this.#end(attempt, body === host.split('.')[0] ? 'ok' : `wrong site ${body}`);
      return status === 200 && headers['connection'] !== 'close';
    } catch (error) {
      this.#end(attempt, codeOf(error));
      return false;
    }
  }

  #end(attempt: Attempt, outcome: string): void {
    attempt.outcome = outcome;
    attempt.endedMs = performance.now();
    if (outcome === 'ok') this.#okCount += 1;
    for (const wakeup of this.#wakeups.splice(0)) wakeup();
  }
}

let lastNumber = 0;

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}
