// Puts this process before others where all processors are taken: one that passes connections on sleeps and wakes all the
// time, and beside busy processes the kernel lets it in too late. What it starts has the usual priority.
// Linux (sched(7), autogroup): where a session is a group of its own, setpriority(2) counts only within the session, and
// the session's own value, in /proc/PID/autogroup, counts beside others. Where control groups divide the processors both
// count within one only. setpriority(2) is for a thread there: this one, and those that it begins.
// ChildProcess.prototype.spawn was checked on Node 20.20, 22.23, 24.21 and 26.12; precedence.test.ts fails where it changes.
import { ChildProcess } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { getPriority, setPriority } from 'node:os';

/**
 * Raises the priority of this process, and of its session where it leads one; children are started with the usual one.
 * Nothing happens where that is not permitted (it takes root, or CAP_SYS_NICE), or where somebody has given this
 * process another priority than the usual.
 * @returns Whether it has been raised.
 */
export function takePrecedence(): boolean {
  const usual = getPriority();
  if (usual !== 0 || !tries(() => setPriority(RAISED))) return false;
  spawnAt(usual);
  if (leadsSession()) tries(() => writeFileSync(autogroupOf(process.pid), `${RAISED}`));
  return true;
}

/**
 * Has the niceness of a child that leads a session count beside other sessions too, where these are groups. Who is not
 * root is let do that ten times a second, all together: it is tried again for some seconds.
 */
export function setSessionPriority(child: ChildProcess, niceness: number, triesLeft = 30): void {
  const { pid, exitCode, signalCode } = child;
  if (pid === undefined || exitCode !== null || signalCode !== null) return;
  try {
    writeFileSync(autogroupOf(pid), `${niceness}`);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN') || triesLeft === 0) return;
    setTimeout(() => setSessionPriority(child, niceness, triesLeft - 1), AGAIN_MS).unref();
  }
}

function autogroupOf(pid: number): string {
  return `/proc/${pid}/autogroup`;
}

/** A process is started synchronously, and has what this thread has at that moment. */
function spawnAt(usual: number): void {
  const prototype = ChildProcess.prototype as unknown as {
    spawn: (this: object, options: object) => unknown;
  };
  const spawn = prototype.spawn;
  prototype.spawn = function spawnAtUsual(options) {
    const lowered = tries(() => setPriority(usual));
    try {
      return spawn.call(this, options);
    } finally {
      if (lowered) tries(() => setPriority(RAISED));
    }
  };
}

function leadsSession(): boolean {
  try {
    const stat = readFileSync('/proc/self/stat', 'latin1');
    const [, , , session] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return Number(session) === process.pid;
  } catch {
    return false;
  }
}

function tries(act: () => void): boolean {
  try {
    act();
    return true;
  } catch {
    return false;
  }
}

/** Ten times the usual part of a processor: what `vhostd systemd` gives vhostd's control group. */
const RAISED = -10;
/** The kernel lets one in each 100 ms, whoever it is. */
const AGAIN_MS = 110;
