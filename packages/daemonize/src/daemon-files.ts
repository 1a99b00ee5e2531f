// The files of a named daemon. Two names never have a file in common, and no name leads out of its directory.
import path from 'node:path';
import { VhostError } from '@vhostd/protocol';

/** Absolute paths. */
export interface DaemonFiles {
  pidFile: string;
  lock: string;
  startNote: string;
  stdoutLog: string;
  stderrLog: string;
}

/**
 * Names the files. No suffix is the end of another one, so that different names lead to different files.
 * Throws `ERR_DAEMONIZE_NAME` as {@link checkName} does.
 */
export function filesOf(name: string, { runDir, logDir }: { runDir: string; logDir: string }): DaemonFiles {
  checkName(name);
  return {
    pidFile: path.join(runDir, `${name}.pid`),
    lock: path.join(runDir, `${name}.lock`),
    startNote: path.join(runDir, `${name}.start`),
    stdoutLog: path.join(logDir, `${name}.out.log`),
    stderrLog: path.join(logDir, `${name}.err.log`),
  };
}

/** Throws `ERR_DAEMONIZE_NAME` unless the name can be part of a file's. */
function checkName(name: unknown): void {
  if (typeof name === 'string' && NAME.test(name) && Buffer.byteLength(name) <= MAX_NAME_BYTES) return;
  const shown = typeof name === 'string' ? JSON.stringify(name) : String(name);
  throw new VhostError(
    'ERR_DAEMONIZE_NAME',
    `the name ${shown} names files, so it must be 1 to ${MAX_NAME_BYTES} bytes without '/', '\\' and control ` +
      `characters, and must not begin with '.' or '-'`,
    { info: { name: shown } },
  );
}

const NAME = /^(?![.-])[^/\\\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]+$/u;
/** A file's name has at most 255 bytes (NAME_MAX); the longest suffix is that of a PID file that is being written. */
const MAX_NAME_BYTES = 200;
