// The processes that a child has started, as far as they are in the process group that it leads.
import { isPid } from './os.js';

/**
 * Signals every process of a group, or asks with 0 whether there is one. False: there is none, or none that this user
 * may signal. The kernel gives a group's number to no new process while the group lasts.
 */
export function signalGroup(leaderPid: number, signal: NodeJS.Signals | 0): boolean {
  if (!isPid(leaderPid) || leaderPid === 1) return false;
  try {
    return process.kill(-leaderPid, signal);
  } catch {
    return false;
  }
}
