// Processes that carry a mark in their environment, which whatever they start inherits.
import { processesWith } from './processes.js';

/** The variable that holds the mark. */
export const MARK_VARIABLE = 'VHOSTD_TEST_MARKER';

/** Every living process with this mark. */
export function markedProcesses(mark: string): number[] {
  return processesWith(`${MARK_VARIABLE}=${mark}`);
}

/** Kills all of them. They are stopped before, since those that are left would start others. */
export function killMarked(mark: string): void {
  for (let before = -1, now = markedProcesses(mark); now.length !== before; now = markedProcesses(mark)) {
    before = now.length;
    for (const pid of now) signal(pid, 'SIGSTOP');
  }
  for (const pid of markedProcesses(mark)) signal(pid, 'SIGKILL');
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has ended.
  }
}
