// Clients of one host that go on while something happens to another site; every failure is kept.
import { askSite } from './ask-site.js';

export class SteadyLoad {
  /** Why requests failed; empty is what a test wants. */
  readonly failures: string[] = [];
  count = 0;
  /** The longest that an answer took, ms. */
  slowestMs = 0;
  readonly #lanes: Promise<void>[];
  #stopped = false;

  /** The site's id is the first label of its host. */
  constructor(port: number, host: string, clients = 3) {
    const siteId = host.split('.')[0];
    this.#lanes = Array.from({ length: clients }, async () => {
      while (!this.#stopped) {
        const startedMs = performance.now();
        try {
          const seen = await askSite(port, host, '/', { limitMs: 60_000 });
          if (seen.siteId !== siteId) this.failures.push(`answered by ${seen.siteId}`);
        } catch (error) {
          this.failures.push(String(error));
        }
        this.count += 1;
        this.slowestMs = Math.max(this.slowestMs, performance.now() - startedMs);
      }
    });
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#lanes);
  }
}
