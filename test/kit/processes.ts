// What Linux tells about a process: its descriptors, its memory, whether it lives.
import { readdirSync, readFileSync } from 'node:fs';

/** Open descriptors; 0 when the process is gone. */
export function descriptorCount(pid: number): number {
  try {
    return readdirSync(`/proc/${pid}/fd`).length;
  } catch {
    return 0;
  }
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

/** Processes that run or could run and have this entry, `NAME=value`, in the environment that they were started with. */
export function processesWith(entry: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => environmentOf(pid).includes(entry) && isAlive(pid));
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

function environmentOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0');
  } catch {
    return [];
  }
}

function statusOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/status`, 'latin1');
  } catch {
    return '';
  }
}
