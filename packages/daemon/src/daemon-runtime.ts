// What a daemon holds while it runs: the listening sockets, the master's place, and the run directory.
import { performance } from 'node:perf_hooks';
import type { DaemonStatus } from '@vhostd/protocol';
import type { SupervisionOptions } from './daemon-options.js';
import type { RunDirLease } from './run-dir/run-dir-lease.js';
import { BoundListeners } from './listeners/bound-listeners.js';
import type { MasterLaunch } from './master/master-process.js';
import { MasterSlot } from './master/master-slot.js';
import type { MasterSlotOwner } from './master/master-slot.js';
import { readDaemonStatus } from './daemon-status.js';
import { acquire } from './takeover/acquire.js';
import { SUPERVISION_DEFAULTS } from './supervision-defaults.js';

/** What a daemon needs to run. */
export interface DaemonRuntimeOptions {
  readonly runDir: string;
  readonly launch: MasterLaunch;
  readonly supervision: SupervisionOptions;
  readonly owner: MasterSlotOwner;
  /** The address of this key is closed: no master asked for it in time. */
  onListenerExpired(key: string): void;
  takeRunDir(): Promise<RunDirLease>;
}

export class DaemonRuntime {
  readonly slot: MasterSlot;
  readonly listeners: BoundListeners;
  readonly #startedAtMs: number;
  readonly #takeRunDir: () => Promise<RunDirLease>;
  #lease: RunDirLease;

  private constructor(
    { slot, lease }: { slot: MasterSlot; lease: RunDirLease },
    listeners: BoundListeners,
    startedAtMs: number,
    takeRunDir: () => Promise<RunDirLease>,
  ) {
    this.slot = slot;
    this.listeners = listeners;
    this.#lease = lease;
    this.#startedAtMs = startedAtMs;
    this.#takeRunDir = takeRunDir;
  }

  /** Takes a daemon's place, as {@link acquire} does; `start` lets it have a master. */
  static async open(options: DaemonRuntimeOptions): Promise<{ running: DaemonRuntime; start: () => void }> {
    const { runDir, launch, supervision, owner } = options;
    const takeRunDir = (): Promise<RunDirLease> => options.takeRunDir();
    const listeners = new BoundListeners({
      graceMs: supervision.listenerGraceMs ?? SUPERVISION_DEFAULTS.listenerGraceMs,
      onExpired: ({ key }) => options.onListenerExpired(key),
    });
    const startedAtMs = performance.now();
    const { start, ...taken } = await acquire({
      runDir,
      listeners,
      createSlot: (slotOwner) => new MasterSlot(launch, supervision, listeners, slotOwner),
      owner,
      statusOf: (slot) => readDaemonStatus(slot, startedAtMs),
      open: takeRunDir,
    });
    return { running: new DaemonRuntime(taken, listeners, startedAtMs, takeRunDir), start };
  }

  /** Rejects with ERR_CALL_TIMEOUT, ERR_MESSAGE_INVALID. */
  status(): Promise<DaemonStatus> {
    return readDaemonStatus(this.slot, this.#startedAtMs);
  }

  /** Makes the run directory free for another daemon, as {@link RunDirLease.release} does. */
  release(): Promise<void> {
    return this.#lease.release();
  }

  /** Takes the run directory again. Rejects when another daemon was faster. */
  async takeBack(): Promise<void> {
    this.#lease = await this.#takeRunDir();
  }

  /** Closes what answers for this daemon; the last of it. Rejects with the system's error. */
  close(): Promise<void> {
    return this.#lease.close();
  }
}
