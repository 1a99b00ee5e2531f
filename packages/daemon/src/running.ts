// What a daemon holds while it runs: the listening sockets, the master's place, and the run directory.
import { performance } from 'node:perf_hooks';
import type { DaemonStatus } from '@vhostd/protocol';
import type { SupervisionOptions } from './daemon-options.js';
import type { Instance } from './instance.js';
import { BoundListeners } from './listeners/bound-listeners.js';
import type { MasterLaunch } from './master/master-process.js';
import { MasterSlot } from './master/master-slot.js';
import type { MasterSlotOwner } from './master/master-slot.js';
import { readDaemonStatus } from './status/daemon-status.js';
import { takePlace } from './succession/take-place.js';
import { SUPERVISION_DEFAULTS } from './supervision-defaults.js';

/** What a daemon needs to run. */
export interface RunningOptions {
  readonly runDir: string;
  readonly launch: MasterLaunch;
  readonly supervision: SupervisionOptions;
  readonly owner: MasterSlotOwner;
  /** The address of this key is closed: no master asked for it in time. */
  onListenerExpired(key: string): void;
  takeRunDir(): Promise<Instance>;
}

export class Running {
  readonly slot: MasterSlot;
  readonly listeners: BoundListeners;
  readonly #startedAtMs: number;
  readonly #takeRunDir: () => Promise<Instance>;
  #instance: Instance;

  private constructor(
    { slot, instance }: { slot: MasterSlot; instance: Instance },
    listeners: BoundListeners,
    startedAtMs: number,
    takeRunDir: () => Promise<Instance>,
  ) {
    this.slot = slot;
    this.listeners = listeners;
    this.#instance = instance;
    this.#startedAtMs = startedAtMs;
    this.#takeRunDir = takeRunDir;
  }

  /** Takes a daemon's place, as {@link takePlace} does; `start` lets it have a master. */
  static async open(options: RunningOptions): Promise<{ running: Running; start: () => void }> {
    const { runDir, launch, supervision, owner } = options;
    const takeRunDir = (): Promise<Instance> => options.takeRunDir();
    const listeners = new BoundListeners({
      graceMs: supervision.listenerGraceMs ?? SUPERVISION_DEFAULTS.listenerGraceMs,
      onExpired: ({ key }) => options.onListenerExpired(key),
    });
    const startedAtMs = performance.now();
    const { start, ...taken } = await takePlace({
      runDir,
      listeners,
      createSlot: (slotOwner) => new MasterSlot(launch, supervision, listeners, slotOwner),
      owner,
      statusOf: (slot) => readDaemonStatus(slot, startedAtMs),
      open: takeRunDir,
    });
    return { running: new Running(taken, listeners, startedAtMs, takeRunDir), start };
  }

  /** Rejects with ERR_CALL_TIMEOUT, ERR_MESSAGE_INVALID. */
  status(): Promise<DaemonStatus> {
    return readDaemonStatus(this.slot, this.#startedAtMs);
  }

  /** Makes the run directory free for another daemon, as {@link Instance.letGo} does. */
  letGo(): Promise<void> {
    return this.#instance.letGo();
  }

  /** Takes the run directory again. Rejects when another daemon was faster. */
  async takeBack(): Promise<void> {
    this.#instance = await this.#takeRunDir();
  }

  /** Closes what answers for this daemon; the last of it. Rejects with the system's error. */
  close(): Promise<void> {
    return this.#instance.close();
  }
}
