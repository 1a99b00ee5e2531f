// What the master logs of the life of its workers: each of their processes from its spawn to its end, and who took
// whose place.
import { isNormalEnd } from '@vhostd/supervisor';
import type { ChildReason } from '@vhostd/supervisor';
import type { OtherServer } from '@vhostd/protocol';
import type { Logger } from '../logs/logger.js';
import type { Slot } from './slot.js';
import type { WorkerProcess } from './worker-process.js';

/** The lines of all workers of all sites. */
export class WorkerLog {
  readonly #log: () => Logger;

  constructor(log: () => Logger) {
    this.#log = log;
  }

  spawned(worker: WorkerProcess): void {
    this.#log().info({ event: 'worker.spawned', ...processFields(worker) });
  }

  /** It may be given connections once it is published. */
  ready(slot: Slot): void {
    this.#log().info({ event: 'worker.ready', ...fieldsOf(slot) });
  }

  /** A server of its process listens that is not the site's. A warning where the conf does not say which one is. */
  alsoListens(slot: Slot, server: OtherServer, appPort: number | undefined): void {
    const unclear = server.protocol === 'http' && !server.shares && appPort === undefined;
    this.#log()[unclear ? 'warn' : 'info']({
      event: 'worker.also-listens',
      ...fieldsOf(slot),
      ...server,
      ...(unclear ? { hint: "if this is the site's server, say so with appPort" } : {}),
    });
  }

  /**
   * Its process has ended, or there was none. A warning, unless it was asked to leave and did as it was asked.
   * `overdue`: it was killed, since it had not left within its limits.
   */
  ended(slot: Slot, reason: ChildReason, { overdue }: { overdue: boolean }): void {
    const { asked, failure } = slot;
    if (reason.what === 'spawn-failed') {
      const { conf, generation } = slot;
      const place = { siteId: conf.siteId, slot: slot.slot, generation };
      return this.#log().warn({ event: 'worker.spawn-failed', ...place, reason: reason.message });
    }
    const obeyed = asked === 'at once' || (asked === 'in time' && isNormalEnd(reason));
    this.#log()[obeyed ? 'info' : 'warn']({
      event: 'worker.exited',
      ...fieldsOf(slot),
      asked: asked !== undefined,
      reason: overdue ? `it did not leave in time; ${reason.message}` : reason.message,
      ...(failure === undefined ? {} : { code: failure.code, message: failure.message }),
    });
  }

  /** A worker that is worn out, or was sent SIGTERM, is about to leave: another one serves in its place. */
  replaced(old: Slot, successor: Slot, reason: string): void {
    this.#log().info({ event: 'worker.replaced', ...fieldsOf(old), by: successor.workerId, reason });
  }

  /** The one that was to serve in its place did not come up; it serves on. */
  replacementFailed(old: Slot, successor: Slot, failed: { reason: string; message: string }): void {
    const fields = { ...fieldsOf(old), by: successor.workerId, ...failed };
    this.#log().warn({ event: 'worker.replacement-failed', ...fields });
  }

  violation(slot: Slot, detail: string): void {
    this.#log().warn({ event: 'worker.violation', ...fieldsOf(slot), detail });
  }
}

function fieldsOf({ worker }: Slot): object {
  return worker === undefined ? {} : processFields(worker);
}

function processFields({ identity, process }: WorkerProcess): object {
  const { siteId, workerId, generation } = identity;
  return { siteId, workerId, workerPid: process.pid, generation };
}
