// What workers leave behind: the processes of their groups are told to end when their leader has, and killed if they do
// not, with all that is in its control group, where it has one; at the latest when this process ends.
import { signalGroup } from '@vhostd/supervisor';
import type { WorkerGroup } from './site-groups.js';

export class ProcessGroups {
  readonly #ending = new Map<number, WorkerGroup | undefined>();
  readonly #signal: typeof signalGroup;
  readonly #killAll = (): void => {
    for (const pid of this.#ending.keys()) this.#kill(pid);
    // There is no later turn in which what is empty by then could be removed.
    const deadline = performance.now() + EXIT_LIMIT_MS;
    for (const group of this.#ending.values()) {
      while (group?.populated === true && performance.now() < deadline) Atomics.wait(PAUSE, 0, 0, 5);
      group?.remove();
    }
  };

  constructor(signal: typeof signalGroup = signalGroup) {
    this.#signal = signal;
  }

  /** The leader of a group has ended. */
  end(leaderPid: number, group?: WorkerGroup): void {
    if (this.#ending.has(leaderPid)) return;
    const isTold = this.#signal(leaderPid, 'SIGTERM');
    // What was stopped with its leader hears of it when it runs again.
    if (isTold) this.#signal(leaderPid, 'SIGCONT');
    if (!isTold && group?.populated !== true) return group?.remove();
    if (this.#ending.size === 0) process.once('exit', this.#killAll);
    this.#ending.set(leaderPid, group);
    this.#look(leaderPid, LOOK_COUNT);
  }

  #look(leaderPid: number, leftCount: number): void {
    // Looked at often: another group can't get the number meanwhile.
    const timer = setTimeout(() => {
      const group = this.#ending.get(leaderPid);
      const isThere = this.#signal(leaderPid, 0) || group?.populated === true;
      if (leftCount > 0 && isThere) return this.#look(leaderPid, leftCount - 1);
      this.#kill(leaderPid);
      this.#ending.delete(leaderPid);
      if (this.#ending.size === 0) process.removeListener('exit', this.#killAll);
      // What was killed has left it a moment later.
      if (group?.populated === true) setTimeout(() => group.remove(), LOOK_MS).unref();
      else group?.remove();
    }, LOOK_MS);
    timer.unref();
  }

  #kill(leaderPid: number): void {
    this.#signal(leaderPid, 'SIGKILL');
    this.#ending.get(leaderPid)?.kill();
  }
}

/** How often to look whether a group is there, ms. */
const LOOK_MS = 100;
/** How long the end of this process waits for the last ones of control groups, ms. */
const EXIT_LIMIT_MS = 200;
const PAUSE = new Int32Array(new SharedArrayBuffer(4));
/** 2 s. */
const LOOK_COUNT = 20;
