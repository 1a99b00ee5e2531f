// Where the control groups of sites may be made: below a directory that is named, or in this process's own control group,
// which systemd leaves to it with `Delegate=yes`. A group that has groups with limits may have no processes of its own
// (cgroups(7), "no internal processes"), so this process moves into one of its own, before it starts any other.
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { CGROUP_VARIABLE, DELEGATED } from '@vhostd/protocol';
import type { Logger } from 'pino';
import { errorFields } from '../log.js';

/** How this process sees control groups; tests have their own. */
export interface GroupFiles {
  /** As /proc/self/cgroup and /proc/self/mountinfo, proc(5). */
  readonly cgroup: string;
  readonly mountinfo: string;
}

/** The directory below which sites have their groups. Empty: sites are served without. */
export function takeGroup(env: NodeJS.ProcessEnv, log: Logger): string {
  const wanted = env[CGROUP_VARIABLE] ?? '';
  if (wanted === '') return '';
  try {
    return delegatedGroup(wanted);
  } catch (error) {
    log.warn({ event: 'cgroup.failed', ...errorFields(log, error) });
    return '';
  }
}

/**
 * The directory below which sites have their groups.
 * @param wanted A directory, or `delegated`.
 * @throws {Error} why there is none.
 */
export function delegatedGroup(wanted: string, files: GroupFiles = FILES): string {
  if (wanted !== DELEGATED) {
    if (path.isAbsolute(wanted) && statSync(wanted, { throwIfNoEntry: false })?.isDirectory() === true)
      return wanted;
    throw new Error(`${wanted} is neither 'delegated' nor a directory's absolute path`);
  }
  const own = ownGroup(files);
  // As this program's predecessor, of which this is the follower, or as systemd with DelegateSubgroup= has it.
  if (path.basename(own) === OWN_NAME) return path.dirname(own);
  const others = readFileSync(path.join(own, 'cgroup.procs'), 'utf8')
    .split('\n')
    .filter((pid) => pid !== '' && pid !== String(process.pid));
  if (others.length > 0) throw new Error(`${own} has other processes: ${others.slice(0, 5).join(', ')}`);
  const inner = path.join(own, OWN_NAME);
  mkdirSync(inner, { recursive: true });
  writeFileSync(path.join(inner, 'cgroup.procs'), String(process.pid));
  return own;
}

/** The directory of this process's group. */
function ownGroup({ cgroup, mountinfo }: GroupFiles): string {
  const name = /^0::(\/.*)$/mu.exec(readFileSync(cgroup, 'utf8'))?.[1];
  const mount = readFileSync(mountinfo, 'utf8')
    .split('\n')
    .map((line) => line.split(' '))
    .find((fields) => fields[fields.indexOf('-') + 1] === 'cgroup2');
  const [root, point] = [mount?.[3], mount?.[4]];
  if (name === undefined || root === undefined || point === undefined)
    throw new Error('the kernel has no control groups of version 2 (cgroup2) here');
  return path.join(point, path.relative(root, name));
}

const FILES: GroupFiles = { cgroup: '/proc/self/cgroup', mountinfo: '/proc/self/mountinfo' };
/** Of the group of daemon and master. */
const OWN_NAME = 'vhostd';
