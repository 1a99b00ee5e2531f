// What all workers of all sites have in common: how they are forked, and where what they ask for goes.
import type { LinkType, WorkerIdentity, WorkerToMaster } from '@vhostd/protocol';
import type { RequestContext } from '@vhostd/transport';
import type { Logger } from '../logs/logger.js';
import type { SiteLogs } from '../logs/site-logs.js';
import type { SiteHost } from '../sites/site-host.js';
import { leaveLimitMs } from './leave-limits.js';
import type { Slot } from './slot.js';
import type { SlotHost } from './slot-host.js';
import { preloadFile } from './worker-files.js';
import { WorkerLog } from './worker-log.js';
import { WorkerProcess } from './worker-process.js';

/** What the workforce needs of the master. */
export interface WorkforceHost {
  linkType(): LinkType;
  headMaxBytes(): number;
  logsOf(siteId: string): SiteLogs | undefined;
  onUpdate(
    siteId: string,
    slot: Slot,
    params: unknown,
  ): Promise<WorkerToMaster['updateServerConf']['result']>;
  onWait(params: unknown, gone: AbortSignal): Promise<null>;
  onCall(workerId: string, params: unknown, context: RequestContext): Promise<unknown>;
  onAccepted(count: number): void;
  onViolation(siteId: string): void;
  /** There is a process. `leaveLimitMs`: how long it may take to leave. */
  onForked(pid: number, leaveLimitMs: number): void;
  /** A process has ended. */
  onEnded(pid: number): void;
  log(): Logger;
}

export class Workforce {
  readonly #host: WorkforceHost;
  readonly #log: WorkerLog;
  readonly #preload: string = preloadFile();
  /** Processes that have not ended, and how long each may take to leave, ms. */
  readonly #running = new Map<number, number>();
  #spawned = 0;

  constructor(host: WorkforceHost) {
    this.#host = host;
    this.#log = new WorkerLog(() => host.log());
  }

  /** Every process that has not ended. */
  running(): { pid: number; limitMs: number }[] {
    return Array.from(this.#running, ([pid, limitMs]) => ({ pid, limitMs }));
  }

  /** The part of a site's workers that does not concern the site's own state. */
  of(siteId: string): SiteHost['workers'] {
    const host = this.#host;
    return {
      log: this.#log,
      fork: (slot, events) => this.#fork(siteId, slot, events),
      onUpdate: (slot, params) => host.onUpdate(siteId, slot, params),
      onWait: (params, gone) => host.onWait(params, gone),
      onCall: (slot, params, context) => host.onCall(slot.workerId, params, context),
      onAccepted: (count) => host.onAccepted(count),
      onViolation: (slot, detail) => {
        host.onViolation(siteId);
        this.#log.violation(slot, detail);
      },
    };
  }

  #fork(siteId: string, slot: Slot, events: Parameters<SlotHost['fork']>[1]): WorkerProcess {
    const { conf, generation } = slot;
    const identity: WorkerIdentity = {
      workerId: `${siteId}/${(this.#spawned += 1)}`,
      siteId,
      slot: slot.slot,
      generation,
      listen: conf.listen.map((entry) => ({ ...entry })),
      defaultListen: conf.defaultListen,
      callTimeoutMs: conf.callTimeoutMs,
      drainTimeoutMs: conf.drainTimeoutMs,
      stopTimeoutMs: conf.stopTimeoutMs,
      waitReady: conf.waitReady,
      ...(conf.stopSignal === undefined ? {} : { stopSignal: conf.stopSignal }),
      countsRequests: conf.maxRequests !== undefined,
      ...(conf.appPort === undefined ? {} : { appPort: conf.appPort }),
    };
    const worker = new WorkerProcess(
      {
        conf,
        identity,
        linkType: this.#host.linkType(),
        preload: this.#preload,
        headMaxBytes: this.#host.headMaxBytes(),
        ...slot.files.release(),
      },
      events,
    );
    const { pid, stdout, stderr } = worker.process;
    if (pid !== undefined) {
      const limitMs = leaveLimitMs(conf);
      this.#running.set(pid, limitMs);
      this.#host.onForked(pid, limitMs);
      worker.process.once('exit', () => {
        this.#running.delete(pid);
        this.#host.onEnded(pid);
      });
    }
    const logs = this.#host.logsOf(siteId);
    if (logs !== undefined) logs.attach({ stdout, stderr });
    else {
      stdout?.resume();
      stderr?.resume();
    }
    this.#log.spawned(worker);
    return worker;
  }
}
