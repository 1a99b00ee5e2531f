// Clients that each keep a connection and ask again and again, and know which status must come.
import type { WireClient } from '../../kit/wire-client.js';
import { HOST, openPatiently, send } from './parked-site.js';

/** What is in force: in `changing`, either is right. */
export type Phase = 'service' | 'changing' | 'maintenance';

export class MaintenanceLoad {
  /** Answers by status. */
  readonly counts: Record<number, number> = { 200: 0, 503: 0 };
  /** Empty is what a test wants. */
  readonly failures: string[] = [];
  phase: Phase = 'changing';
  readonly #port: number;
  readonly #lanes: Promise<void>[];
  #stopped = false;
  #hold: Promise<void> | undefined;
  #letGo: () => void = () => undefined;
  #openCount = 0;
  #wakeups: (() => void)[] = [];

  constructor(port: number, clientCount: number) {
    this.#port = port;
    this.#lanes = Array.from({ length: clientCount }, () => this.#lane());
  }

  /** Resolves once so many answers more with this status have come. */
  async progress(count: number, status: 200 | 503): Promise<void> {
    const wanted = (this.counts[status] ?? 0) + count;
    await this.#until(() => (this.counts[status] ?? 0) >= wanted);
  }

  /** Resolves once no client has a connection, until {@link goOn}. */
  async hold(): Promise<void> {
    this.#hold = new Promise((resolve) => {
      this.#letGo = resolve;
    });
    await this.#until(() => this.#openCount === 0);
  }

  goOn(): void {
    this.#hold = undefined;
    this.#letGo();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#lanes);
  }

  async #lane(): Promise<void> {
    while (!this.#stopped) {
      await this.#hold;
      this.#openCount += 1;
      await this.#converse();
      this.#openCount -= 1;
      this.#wake();
    }
  }

  /** One connection, for as long as it is wanted. */
  async #converse(): Promise<void> {
    let client: WireClient | undefined;
    try {
      client = await openPatiently(this.#port);
      while (!this.#stopped && this.#hold === undefined) {
        // What was in force when the request was sent counts, unless that has changed since.
        const before = this.phase;
        send(client);
        const { status, headers } = await client.answer();
        this.counts[status] = (this.counts[status] ?? 0) + 1;
        this.#check(status, before);
        this.#wake();
        if (headers['connection'] === 'close') return;
      }
    } catch (error) {
      this.failures.push(`${HOST} in ${this.phase}: ${String(error)}`);
    } finally {
      client?.close();
    }
  }

  #check(status: number, before: Phase): void {
    if (before !== this.phase || before === 'changing') {
      if (status !== 200 && status !== 503)
        this.failures.push(`${status} between ${before} and ${this.phase}`);
    } else if (status !== (before === 'service' ? 200 : 503)) this.failures.push(`${status} in ${before}`);
  }

  async #until(done: () => boolean): Promise<void> {
    while (!done()) await new Promise<void>((resolve) => this.#wakeups.push(resolve));
  }

  #wake(): void {
    for (const wakeup of this.#wakeups.splice(0)) wakeup();
  }
}
