// Whether systemd stops this service in order to start it again, which it tells nobody: its list of jobs says so.
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';

/** False where systemd does not answer, too. `address`: NOTIFY_SOCKET, which tells whose systemd it is. */
export async function isRestarted(address: string): Promise<boolean> {
  const unit = unitOf(readCgroup());
  if (unit === undefined) return false;
  const scope = address.startsWith('/run/user/') ? ['--user'] : [];
  const args = [...scope, 'list-jobs', '--no-legend', '--no-pager', '--plain', '--full', unit];
  try {
    const { stdout } = await promisify(execFile)('systemctl', args, { timeout: ANSWER_LIMIT_MS });
    return hasRestart(stdout);
  } catch {
    return false;
  }
}

/** The innermost service of what /proc/self/cgroup says, proc(5). A container may have a hierarchy that leads nowhere. */
export function unitOf(cgroup: string): string | undefined {
  const paths = [...cgroup.matchAll(/^(?:0:|\d+:name=systemd):(.*)$/gmu)].map(([, path = '']) => path);
  return paths.flatMap((path) => path.split('/')).findLast((name) => name.endsWith('.service'));
}

/** `JOB UNIT TYPE STATE` a line. */
export function hasRestart(jobs: string): boolean {
  return /^\s*\d+ +\S+ +restart +/mu.test(jobs);
}

function readCgroup(): string {
  try {
    return readFileSync('/proc/self/cgroup', 'utf8');
  } catch {
    return '';
  }
}

/** A crowded machine takes seconds. */
const ANSWER_LIMIT_MS = 5000;
