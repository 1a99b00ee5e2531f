// Clients of the mortal site, one request a connection, again and again; each request is written down.
import { WireClient } from '../../kit/wire-client.js';

/** One request and what became of it. */
export interface Attempt {
  startedMs: number;
  endedMs: number;
  /** The process that had it, as far as the client was told. */
  pid: number | undefined;
  /** `ok`, or what went wrong: a status, an error's code. */
  outcome: string;
}

/** Closed-loop clients of one host. */
export class MortalLoad {
  readonly attempts: Attempt[] = [];
  readonly #port: number;
  readonly #host: string;
  readonly #siteId: string;
  readonly #lanes: Promise<void>[];
  #stopped = false;

  constructor(port: number, host: string, siteId: string, clients: number) {
    this.#port = port;
    this.#host = host;
    this.#siteId = siteId;
    this.#lanes = Array.from({ length: clients }, () => this.#run());
  }

  /** Ends after the requests under way. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#lanes);
  }

  get failed(): Attempt[] {
    return this.attempts.filter(({ outcome }) => outcome !== 'ok');
  }

  async #run(): Promise<void> {
    while (!this.#stopped) await this.#attempt();
  }

  async #attempt(): Promise<void> {
    const attempt: Attempt = { startedMs: performance.now(), endedMs: 0, pid: undefined, outcome: 'ok' };
    this.attempts.push(attempt);
    let client: WireClient | undefined;
    try {
      client = await WireClient.open(this.#port);
      client.send(`GET / HTTP/1.1\r\nHost: ${this.#host}\r\nConnection: close\r\n\r\n`);
      const { status, headers } = await client.head();
      if (status === 200) attempt.pid = Number(headers['x-pid']);
      const body = await client.body(headers);
      if (status !== 200) attempt.outcome = String(status);
      else if (body.toString() !== this.#siteId) attempt.outcome = `wrong site ${body.toString()}`;
    } catch (error) {
      attempt.outcome = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    } finally {
      client?.close();
      attempt.endedMs = performance.now();
    }
  }
}
