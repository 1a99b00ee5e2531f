// A load of the ledger site on kept connections, which knows which status must come.
import type { Exchange } from '../../kit/exchange.js';
import { Load } from '../../kit/load.js';
import { WrongAnswer } from '../../kit/outcome.js';
import { HOST, LIMIT_MS } from './parked-site.js';

/** What is in force: in `changing`, either is right. */
export type Phase = 'service' | 'changing' | 'maintenance';

export class MaintainedLoad {
  /** Answers by status. */
  readonly counts: Record<200 | 503, number> = { 200: 0, 503: 0 };
  phase: Phase = 'changing';
  readonly load: Load;

  constructor(port: number, clientCount: number) {
    const request = (): Exchange => this.#exchange();
    this.load = new Load({ port, host: HOST, connections: 'kept', clientCount, limitMs: LIMIT_MS, request });
  }

  /** Resolves once so many answers more with this status have come. */
  async progress(count: number, status: 200 | 503): Promise<void> {
    const wanted = this.counts[status] + count;
    await this.load.until(`${count} answers more of ${status}`, () => this.counts[status] >= wanted);
  }

  #exchange(): Exchange {
    // What was in force when the request was sent counts, unless that has changed since.
    const before = this.phase;
    return {
      url: '/',
      bytes: Buffer.from(`GET / HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`),
      read: async (client, told) => {
        const { status, headers } = await client.answer();
        if (status !== 200 && status !== 503) throw new WrongAnswer(`${status} in ${before}`);
        if (before === this.phase && before !== 'changing' && status !== (before === 'service' ? 200 : 503))
          throw new WrongAnswer(`${status} in ${before}`);
        this.counts[status] += 1;
        told.closes = headers['connection'] === 'close';
      },
    };
  }
}
