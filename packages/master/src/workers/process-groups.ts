// What workers leave behind: the processes of their groups are told to end when their leader has, and killed if they do
// not; at the latest when this process ends.
import { signalGroup } from '@vhostd/supervisor';

export class ProcessGroups {
  readonly #ending = new Set<number>();
  readonly #signal: typeof signalGroup;
  readonly #killAll = (): void => {
    for (const pid of this.#ending) this.#signal(pid, 'SIGKILL');
  };

  constructor(signal: typeof signalGroup = signalGroup) {
    this.#signal = signal;
  }

  /** The leader of a group has ended. */
  end(leaderPid: number): void {
    if (this.#ending.has(leaderPid) || !this.#signal(leaderPid, 'SIGTERM')) return;
    if (this.#ending.size === 0) process.once('exit', this.#killAll);
    this.#ending.add(leaderPid);
    this.#look(leaderPid, LOOK_COUNT);
  }

  #look(leaderPid: number, leftCount: number): void {
    // Looked at often: another group can't get the number meanwhile.
    const timer = setTimeout(() => {
      if (leftCount > 0 && this.#signal(leaderPid, 0)) return this.#look(leaderPid, leftCount - 1);
      this.#signal(leaderPid, 'SIGKILL');
      this.#ending.delete(leaderPid);
      if (this.#ending.size === 0) process.removeListener('exit', this.#killAll);
    }, LOOK_MS);
    timer.unref();
  }
}

/** How often it is looked whether a group is there, ms. */
const LOOK_MS = 100;
/** 2 s. */
const LOOK_COUNT = 20;
