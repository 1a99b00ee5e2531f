// The file that --save-pid names: the process id of `vhostd watch`, while it runs.
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { VhostError } from '@vhostd/protocol';

/** Writes this process's id and a newline. Throws `ERR_WATCH_PID_FILE` if that can't be, or would destroy something. */
export function writePidFile(file: string, pid: number = process.pid): void {
  const stats = statSync(file, { throwIfNoEntry: false });
  if (stats !== undefined && (!stats.isFile() || !PID.test(readFileSync(file, 'utf8').slice(0, 100)))) {
    throw refuse(file, 'it exists and holds no process id, so it is left as it is');
  }
  try {
    writeFileSync(file, `${pid}\n`);
  } catch (error) {
    throw refuse(file, error instanceof Error ? error.message : String(error), error);
  }
}

/** Removes the file if it still holds this process's id. */
export function removePidFile(file: string, pid: number = process.pid): void {
  try {
    if (readFileSync(file, 'utf8') === `${pid}\n`) rmSync(file);
  } catch {
    // gone already, or no longer ours
  }
}

function refuse(file: string, why: string, cause?: unknown): VhostError {
  return new VhostError('ERR_WATCH_PID_FILE', `--save-pid ${file}: ${why}`, { info: { file }, cause });
}

const PID = /^\s*\d*\s*$/u;
