// Twenty clients of the edge, half of which keep their connections; a fifth of the requests take half a second.
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { atEnd } from '../kit/at-end.js';
import { simpleExchange, slowPost } from '../kit/exchange.js';
import type { Exchange } from '../kit/exchange.js';
import { inParallel } from '../kit/in-parallel.js';
import { Load } from '../kit/load.js';
import type { Attempt } from '../kit/load.js';
import type { Random } from '../kit/random.js';
import { WireClient } from '../kit/wire-client.js';

export class Clients {
  /** Requests that had no right answer. */
  readonly failed: Attempt[] = [];
  /** Kept connections that ended between two requests, unannounced. */
  closedCount = 0;
  readonly #loads: readonly Load[];

  /** Begin at once; the end of the test ends them. */
  constructor(t: TestContext, address: string, port: number, host: string) {
    atEnd(t, () => Promise.all(this.#loads.map((load) => load.stop())));
    this.#loads = (['kept', 'fresh'] as const).map(
      (connections) =>
        new Load({
          port,
          host,
          connections,
          clientCount: 10,
          pauseMaxMs: 40,
          request,
          connect: (to) => WireClient.open(to, { host: address }),
          onClosed: () => (this.closedCount += 1),
          onAttempt: (attempt) => {
            if (attempt.outcome !== 'ok') this.failed.push(attempt);
          },
        }),
    );
  }

  /** Resolves once each half has had so many answers more. */
  async progress(count: number): Promise<void> {
    await inParallel(this.#loads, this.#loads.length, (load) => load.progress(count));
  }

  /** Resolves once none has a connection; none opens one until {@link goOn}. */
  async hold(): Promise<void> {
    await inParallel(this.#loads, this.#loads.length, (load) => load.hold());
  }

  goOn(): void {
    for (const load of this.#loads) load.goOn();
  }

  /** Ends them, and prints what they had. */
  async stop(t: TestContext): Promise<void> {
    for (const load of this.#loads) t.diagnostic(String(await load.stop()));
  }

  assertNothingLost(): void {
    for (const { outcome } of this.#loads) outcome.assertNothingLost();
  }

  /** Nothing was lost but requests that were in work at this time, which may have lasted. */
  assertLostOnlyAt(fromMs: number, toMs: number = fromMs): void {
    const others = this.failed.filter(({ startedMs, endedMs }) => startedMs > toMs || endedMs < fromMs);
    assert.deepEqual(others, []);
    assert.equal(this.closedCount, 0);
  }
}

function request(random: Random, host: string, closes: boolean): Exchange {
  if (random.next() >= SLOW_PART) return simpleExchange(host, closes);
  return slowPost(random, host, { bodyBytes: 1000, slowMs: SLOW_MS, closes });
}

const SLOW_PART = 0.2;
const SLOW_MS = 500;
