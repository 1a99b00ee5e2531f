// Processes that carry a mark in their environment, which whatever they start inherits.
import { readdirSync, readFileSync } from 'node:fs';
import { isAlive } from './processes.js';

/** The variable that holds the mark. */
export const MARK_VARIABLE = 'VHOSTD_TEST_MARKER';

/** Every living process with this mark. */
export function markedProcesses(mark: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && environmentOf(name).includes(`${MARK_VARIABLE}=${mark}`))
    .map(Number)
    .filter((pid) => isAlive(pid));
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

function environmentOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'latin1');
  } catch {
    return '';
  }
}
