// A site's maintenance: the page that answers its requests, and the workers that are told of it.
import { VhostError } from '@vhostd/protocol';
import type { MaintenancePage } from '@vhostd/protocol';
import type { Worker } from '../workers/worker.js';

/** A page and what the operator said with it. */
export interface Notice {
  page: MaintenancePage;
  message: string | undefined;
}

export class Maintenance {
  #notice: Notice | undefined;

  /** The page; `undefined` when the site is in service. */
  get page(): MaintenancePage | undefined {
    return this.#notice?.page;
  }

  /** What the status says of it. */
  status(): { maintenance?: { message?: string } } {
    if (this.#notice === undefined) return {};
    const { message } = this.#notice;
    return { maintenance: message === undefined ? {} : { message } };
  }

  /**
   * Begins it, or ends it with `undefined`, and tells these workers. Resolves with how many have not confirmed it in
   * time, once the others have.
   * @throws {VhostError} ERR_MAINTENANCE_SERVER: a worker's server speaks no HTTP. All is as it was.
   */
  async change(notice: Notice | undefined, workers: () => readonly Worker[]): Promise<number> {
    const before = this.#notice;
    this.#notice = notice;
    const failures = await this.#tellAll(workers());
    const refusal = failures.find((error) => codeOf(error) === 'ERR_MAINTENANCE_SERVER');
    if (refusal !== undefined) {
      // Unless another change has followed.
      if (this.#notice === notice) {
        this.#notice = before;
        await this.#tellAll(workers());
      }
      throw refusal;
    }
    return failures.filter((error) => codeOf(error) !== 'ERR_CALL_LOST').length;
  }

  /** Tells a worker that has just got ready, before its first connection: the link keeps the order. */
  tellNew(worker: Worker): void {
    if (this.#notice !== undefined) this.#tell(worker).catch(() => undefined);
  }

  async #tellAll(workers: readonly Worker[]): Promise<unknown[]> {
    const told = await Promise.allSettled(workers.map((worker) => this.#tell(worker)));
    return told.flatMap((one) => (one.status === 'rejected' ? [one.reason as unknown] : []));
  }

  async #tell(worker: Worker): Promise<void> {
    await worker.process?.peer.request('maintenance', this.page ?? null);
  }
}

function codeOf(error: unknown): string {
  return error instanceof VhostError ? error.code : '';
}
