// Takes new file descriptors from a running process, as a full table does.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** Sets the soft limit of a process on open descriptors; those that it has stay. Needs util-linux's prlimit. */
export async function limitDescriptors(pid: number, count: number): Promise<void> {
  await promisify(execFile)('prlimit', ['--pid', String(pid), `--nofile=${count}:`]);
}
