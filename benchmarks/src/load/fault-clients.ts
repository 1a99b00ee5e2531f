// The client process of the question what survives: groups of clients that each send a request, check the answer,
// pause, send the next, and repeat nothing that failed. Runs until it is told to stop. Argument: the plan as JSON.
import { createHash, randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { hashingAnswer } from '../processes/hashing-server.js';
import { ClientConnection, Failure } from './client-connection.js';
import type { FaultPlan, GroupPlan } from './fault-load.js';
import { emptyOutcome } from './outcome.js';
import type { Outcome } from './outcome.js';

/** Some bodies with their hashes, so that a client need not hash. */
const BODIES = Array.from({ length: 16 }, () => {
  const bytes = randomBytes(16_384);
  return { bytes, sha256: createHash('sha256').update(bytes).digest('hex') };
});

/** So long without an answer is no chance, ms. */
const DOWN_MS = 1000;

const plan = JSON.parse(process.argv[2] ?? '') as FaultPlan;
let lastNumber = 0;
let stopping = false;
/** Clients that have not been answered yet. */
let silentCount = plan.groups.reduce((sum, { clients }) => sum + clients, 0);

class Group {
  readonly outcome: Outcome = emptyOutcome();
  readonly #plan: GroupPlan;
  #answeredAtMs: number | undefined;

  constructor(group: GroupPlan) {
    this.#plan = group;
  }

  /** Resolves when each client has read what it waits for. */
  async run(): Promise<void> {
    await Promise.all(Array.from({ length: this.#plan.clients }, () => this.#runClient()));
  }

  /** The clients are being stopped: what has gone since the last answer is a gap, too. */
  endGap(): void {
    const gapMs = performance.now() - (this.#answeredAtMs ?? performance.now());
    if (gapMs <= this.outcome.longestGapMs) return;
    this.outcome.longestGapMs = gapMs;
    this.outcome.down = gapMs >= DOWN_MS;
  }

  async #runClient(): Promise<void> {
    let connection: ClientConnection | undefined;
    for (let first = true; ; first = false) {
      await delay(Math.random() * plan.pauseMaxMs);
      if (connection?.ended === true) {
        this.outcome.closed += 1;
        connection.close();
        connection = undefined;
      }
      if (stopping) break;
      connection = await this.#request(connection);
      if (first) {
        silentCount -= 1;
        if (silentCount === 0) process.send?.('flowing');
      }
    }
    connection?.close();
  }

  /** One request, over a connection that is kept or a new one; what comes back is kept for the next. */
  async #request(kept: ClientConnection | undefined): Promise<ClientConnection | undefined> {
    const { outcome } = this;
    outcome.sent += 1;
    const url = `/${(lastNumber += 1)}`;
    const { bytes, sha256 } = BODIES[lastNumber % BODIES.length] ?? { bytes: Buffer.alloc(0), sha256: '' };
    const close = this.#plan.keepAlive ? '' : 'Connection: close\r\n';
    const head = `POST ${url} HTTP/1.1\r\nHost: ${plan.host}\r\nContent-Length: ${bytes.length}\r\n${close}\r\n`;
    let connection = kept;
    try {
      connection ??= await ClientConnection.open(plan.port, plan.limitMs);
      const request = Buffer.concat([Buffer.from(head), bytes]);
      const { status, body, closes } = await connection.exchange(request, plan.limitMs);
      if (status !== 200 || body !== hashingAnswer(url, sha256))
        throw new Failure('wrong', `status ${status}`);
      this.#answered();
      if (this.#plan.keepAlive && !closes) return connection;
      if (this.#plan.keepAlive) outcome.announced += 1;
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      outcome[error.kind] += 1;
      if (kept?.ended === true) outcome.closed += 1;
    }
    connection?.close();
    return undefined;
  }

  #answered(): void {
    const nowMs = performance.now();
    if (this.#answeredAtMs !== undefined && !stopping) {
      this.outcome.longestGapMs = Math.max(this.outcome.longestGapMs, nowMs - this.#answeredAtMs);
    }
    this.#answeredAtMs = nowMs;
  }
}

const groups = plan.groups.map((group) => new Group(group));
process.on('disconnect', () => process.exit());
process.once('message', () => {
  stopping = true;
  for (const group of groups) group.endGap();
});
await Promise.all(groups.map((group) => group.run()));
process.send?.(
  groups.map(({ outcome }) => outcome),
  () => process.disconnect(),
);
