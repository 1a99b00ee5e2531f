// Tells one process from another that got the same pid later, so that only the right one is ever signalled.
import { VhostError } from '@vhostd/protocol';
import { isPid, realOs } from './os.js';
import type { Os } from './os.js';

/**
 * What makes a process unmistakable, as plain JSON for a PID file.
 *
 * On a system without Linux's /proc, `startTime` and `bootId` are empty and only the pid is compared: a stranger
 * with a reused pid and a zombie are then taken for the process.
 */
export interface ProcessIdentity {
  pid: number;
  /** Clock ticks from the boot of the machine to the start of the process: field 22 of /proc/PID/stat, proc(5). */
  startTime: string;
  /** /proc/sys/kernel/random/boot_id: another after each boot. */
  bootId: string;
}

/**
 * Identifies a living process; undefined if there is none. A zombie is not one. Where /proc exists but hides another
 * user's process (mount option `hidepid`), the fields but the pid are empty. Throws the system's error if /proc
 * can't be read for another reason, for instance EMFILE.
 */
export function readIdentity(pid: number, os: Os = realOs): ProcessIdentity | undefined {
  if (!isPid(pid)) return undefined;
  const stat = os.readFile(`/proc/${pid}/stat`);
  if (stat === undefined) {
    return os.kill(pid, 0) === 'gone' ? undefined : { pid, startTime: '', bootId: '' };
  }
  const { state, startTime } = parseStat(stat);
  if (isEnded(state)) return undefined;
  return { pid, startTime, bootId: os.readFile('/proc/sys/kernel/random/boot_id')?.trim() ?? '' };
}

/**
 * The session that a process is in, by the pid of its leader: field 6 of /proc/PID/stat. It stays when the parent
 * ends, and a process can only leave it, never enter another's. Undefined if there is no such process, or no /proc.
 */
export function readSession(pid: number, os: Os = realOs): number | undefined {
  const stat = isPid(pid) ? os.readFile(`/proc/${pid}/stat`) : undefined;
  return stat === undefined ? undefined : Number(parseStat(stat).session);
}

/** What /proc says of a process: its parent, its session, and whether only its entry is left. */
export interface ProcessEntry {
  pid: number;
  /** 1, or the nearest subreaper, once its parent has ended. */
  parentPid: number;
  /** The pid of the leader of its session. */
  session: number;
  /** As in {@link ProcessIdentity}. */
  startTime: string;
  /** It has ended and only waits for its parent to notice. */
  isZombie: boolean;
}

/** The entry of a process in /proc; undefined if there is none, or no /proc. */
export function readProcess(pid: number, os: Os = realOs): ProcessEntry | undefined {
  const stat = isPid(pid) ? os.readFile(`/proc/${pid}/stat`) : undefined;
  if (stat === undefined) return undefined;
  const { state, parentPid, session, startTime } = parseStat(stat);
  return { pid, parentPid: Number(parentPid), session: Number(session), startTime, isZombie: isEnded(state) };
}

/**
 * Whether the main thread of a process waits for something to happen, as an event loop does that has nothing to do: not
 * so while it runs, wants to run, or is stopped. Undefined if there is no such process, or no /proc.
 */
export function isWaiting(pid: number, os: Os = realOs): boolean | undefined {
  const stat = isPid(pid) ? os.readFile(`/proc/${pid}/stat`) : undefined;
  return stat === undefined ? undefined : parseStat(stat).state === 'S';
}

/** Whether this very process lives. A process that may be it and can't be told for sure counts as alive. */
export function isAlive(identity: ProcessIdentity, os: Os = realOs): boolean {
  const found = readIdentity(identity.pid, os);
  return found !== undefined && (isSame(found, identity) || found.startTime === '');
}

/**
 * Signals this very process and no other: `gone` if no process has its pid, `stranger` if one has it that is another
 * or can't be told from one. Between the look and the signal the process could end and its pid be reused, within
 * microseconds; Node offers no pidfd to exclude that.
 *
 * Throws `ERR_PROCESS_FORBIDDEN` if it is the right one and this user may not signal it.
 */
export function signalIdentity(
  identity: ProcessIdentity,
  signal: NodeJS.Signals,
  os: Os = realOs,
): 'sent' | 'gone' | 'stranger' {
  const found = readIdentity(identity.pid, os);
  if (found === undefined) return 'gone';
  if (!isSame(found, identity)) return 'stranger';
  const outcome = os.kill(identity.pid, signal);
  if (outcome !== 'forbidden') return outcome;
  throw new VhostError(
    'ERR_PROCESS_FORBIDDEN',
    `process ${identity.pid} belongs to another user, who alone may send it ${signal}`,
    { info: { pid: identity.pid, signal } },
  );
}

/** Whether two identities are of one process. */
export function isSame(a: ProcessIdentity, b: ProcessIdentity): boolean {
  return a.pid === b.pid && a.startTime === b.startTime && a.bootId === b.bootId;
}

/** The name in field 2 may hold spaces, newlines and parentheses; no field after it does. */
function parseStat(stat: string): { state: string; parentPid: string; session: string; startTime: string } {
  const fields = stat
    .slice(stat.lastIndexOf(')') + 1)
    .trim()
    .split(' ');
  return {
    state: fields[STATE_FIELD - 3] ?? '',
    parentPid: fields[PARENT_FIELD - 3] ?? '',
    session: fields[SESSION_FIELD - 3] ?? '',
    startTime: fields[START_TIME_FIELD - 3] ?? '',
  };
}

function isEnded(state: string): boolean {
  return state === 'Z' || state === 'X' || state === 'x';
}

const STATE_FIELD = 3;
const PARENT_FIELD = 4;
const SESSION_FIELD = 6;
const START_TIME_FIELD = 22;
