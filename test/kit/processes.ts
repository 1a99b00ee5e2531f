// What Linux tells about a process: its descriptors, its memory, whether it lives, and by which mark it is found.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** The variable that holds the mark of a process; whatever the process starts inherits it. */
export const MARK_VARIABLE = 'VHOSTD_TEST_MARK';

/** Open descriptors; 0 when the process is gone. */
export function descriptorCount(pid: number): number {
  try {
    return readdirSync(`/proc/${pid}/fd`).length;
  } catch {
    return 0;
  }
}

/** How many descriptors of each kind a process has. */
export function descriptorKinds(pid: number): Record<string, number> {
  const kinds: Record<string, number> = {};
  for (const fd of readdirSync(`/proc/${pid}/fd`)) {
    let kind = 'gone';
    try {
      kind = readlinkSync(`/proc/${pid}/fd/${fd}`).replace(/:\[\d+\]$/, '');
    } catch {
      // It has just been closed.
    }
    kinds[kind] = (kinds[kind] ?? 0) + 1;
  }
  return kinds;
}

/** Resident memory, bytes; 0 when the process is gone. */
export function residentBytes(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(statusOf(pid))?.[1] ?? 0) * 1024;
}

/** Whether the process runs or could run: a zombie does not. */
export function isAlive(pid: number): boolean {
  const state = /^State:\s+(\S)/m.exec(statusOf(pid))?.[1];
  return state !== undefined && state !== 'Z' && state !== 'X';
}

/** Every living process that was started with this mark, or with one that begins so. */
export function markedProcesses(mark: string): number[] {
  return processIds().filter(
    (pid) => !OLDER.has(pid) && markOf(pid)?.startsWith(mark) === true && isAlive(pid),
  );
}

/** Kills all of them. They are stopped before, since those that are left would start others. */
export function killMarked(mark: string): void {
  for (let before = -1, now = markedProcesses(mark); now.length !== before; now = markedProcesses(mark)) {
    before = now.length;
    for (const pid of now) send(pid, 'SIGSTOP');
  }
  for (const pid of markedProcesses(mark)) send(pid, 'SIGKILL');
}

/** What a process runs, for messages. */
export function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ').trim();
  } catch {
    return 'gone';
  }
}

/** Seconds of CPU that a process has used. */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  // Fields 14 and 15, utime and stime, in ticks of which Linux counts 100 a second (proc(5)).
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** Processes that were there before this one: none of them has a mark of its, and each look at all would cost. */
const OLDER: ReadonlySet<number> = new Set(processIds().filter((pid) => markOf(pid) === undefined));

function processIds(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

function markOf(pid: number): string | undefined {
  try {
    const entry = readFileSync(`/proc/${pid}/environ`, 'latin1')
      .split('\0')
      .find((text) => text.startsWith(`${MARK_VARIABLE}=`));
    return entry?.slice(MARK_VARIABLE.length + 1);
  } catch {
    return undefined;
  }
}

function send(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has ended.
  }
}

function statusOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/status`, 'latin1');
  } catch {
    return '';
  }
}
