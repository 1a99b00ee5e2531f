// Which processes belong to a program: all that it has started, also after their parents have ended.
import { readdirSync } from 'node:fs';
import { readProcess, realOs } from '@vhostd/supervisor';
import type { ProcessEntry } from '@vhostd/supervisor';

/** What is needed of the machine's processes. Replaced by tests. */
export interface ProcessTable {
  /** All processes that can be seen. */
  list(): ProcessEntry[];
  /** Signals one process; nothing happens if it is gone. */
  kill(pid: number, signal: NodeJS.Signals): void;
  /** Signals a process group, as a terminal does; nothing happens if it is gone. */
  killGroup(leaderPid: number, signal: NodeJS.Signals): void;
}

/** The processes of this machine, by /proc. */
export const realProcessTable: ProcessTable = {
  list() {
    const pids = readdirSync('/proc').filter((name) => /^\d+$/u.test(name));
    return pids.flatMap((pid) => readProcess(Number(pid)) ?? []);
  },
  kill(pid, signal) {
    realOs.kill(pid, signal);
  },
  killGroup(leaderPid, signal) {
    try {
      process.kill(-leaderPid, signal);
    } catch {
      // it has ended, or has become another user's: nothing that could be done here
    }
  },
};

/** Processes that were seen in the tree, by pid: the start time tells them from those that get the pid later. */
export type SeenProcesses = ReadonlyMap<number, string>;

/**
 * The living processes of a tree: those in the session of its leader, those seen before, and the children and
 * sessions of all of them. A process that has left the session and has lost its parent before it was seen is a
 * daemon: it is not among them.
 */
export function treeOf(
  entries: readonly ProcessEntry[],
  leaderPid: number,
  seen: SeenProcesses = new Map(),
): ProcessEntry[] {
  const living = entries.filter(({ isZombie }) => !isZombie);
  const members = new Set(
    living.filter(({ pid, session, startTime }) => session === leaderPid || seen.get(pid) === startTime),
  );
  const parents = new Set([...members].map(({ pid }) => pid));
  for (let before = -1; before !== members.size;) {
    before = members.size;
    for (const entry of living) {
      if (!parents.has(entry.parentPid) && !parents.has(entry.session)) continue;
      members.add(entry);
      parents.add(entry.pid);
    }
  }
  return [...members];
}
