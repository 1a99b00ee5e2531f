// What a slot of a generation needs of those around it, and tells them.
import type { WorkerToMaster } from '@vhostd/protocol';
import type { RequestContext } from '@vhostd/transport';
import type { ChildReason } from '@vhostd/supervisor';
import type { Connection } from '../ingress/connection.js';
import type { SiteConf } from '../conf/site-conf.js';
import type { Slot } from './slot.js';
import type { WorkerFiles } from './worker-files.js';
import type { WorkerLog } from './worker-log.js';
import type { WorkerEvents, WorkerProcess } from './worker-process.js';

/** How a worker has been told to end: within its limits, or by SIGKILL. */
export type Asked = 'in time' | 'at once';

/** What a slot needs and tells. */
export interface SlotHost {
  readonly conf: SiteConf;
  readonly generation: number;
  /** What the workers of the generation run. */
  readonly files: WorkerFiles;
  /** What is logged of its processes. */
  readonly log: WorkerLog;
  /** Forks a process for a slot. */
  fork(slot: Slot, events: WorkerEvents): WorkerProcess;
  onReady(slot: Slot): void;
  /** The process ended, or could not be started. Called before the slot may start another. */
  onExit(slot: Slot, reason: ChildReason): void;
  onErrored(slot: Slot, reason: ChildReason): void;
  /** At rest: stopped on purpose. */
  onStopped(slot: Slot): void;
  /** The worker has told how it is: with an answer to a ping, or because it is to leave. */
  onVitals(slot: Slot): void;
  onUpdate(slot: Slot, params: unknown): Promise<WorkerToMaster['updateServerConf']['result']>;
  /** The worker waits for sites; `gone` aborts when it has no more use for the answer. */
  onWait(params: unknown, gone: AbortSignal): Promise<null>;
  onCall(slot: Slot, params: unknown, context: RequestContext): Promise<unknown>;
  onAccepted(count: number): void;
  /** These must be given to another worker. */
  onReturned(connections: Connection[], why: 'gone' | 'lost'): void;
  /** Whether the site has a use for a connection that the worker of a slot hands back. */
  wantsHandedBack(): boolean;
  onHandedBack(connection: Connection): void;
  onViolation(slot: Slot, detail: string): void;
}
