// A log file of a detached process: opened for it, and read back where it ended too early.
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { VhostError } from '@vhostd/protocol';
import { LastLines } from './output-lines.js';

/** An open log file. */
export interface LogFile {
  path: string;
  /** To be closed when the process has it. */
  descriptor: number;
  /** Where what this process writes begins, in bytes. */
  startBytes: number;
}

/**
 * Opens a log file at its end, with mode 0600 where it is new. Follows no symbolic link.
 * Throws `ERR_DAEMONIZE_LOG` where that cannot be.
 */
export function openLogFile(file: string): LogFile {
  let descriptor: number;
  try {
    descriptor = openSync(file, FLAGS, 0o600);
  } catch (cause) {
    throw unusable(file, cause instanceof Error ? cause.message : String(cause), cause);
  }
  const status = fstatSync(descriptor);
  const self = process.geteuid?.();
  const reason = !status.isFile()
    ? 'it is not a regular file'
    : self !== undefined && status.uid !== self
      ? `it belongs to uid ${status.uid}, this process is uid ${self}`
      : undefined;
  if (reason === undefined) return { path: file, descriptor, startBytes: status.size };
  closeSync(descriptor);
  throw unusable(file, reason);
}

/** The last lines that were written since the file was opened; none if it cannot be read. */
export function lastLinesOf({ path: file, startBytes }: LogFile): string[] {
  const kept = new LastLines();
  try {
    const descriptor = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const { size } = fstatSync(descriptor);
      const from = Math.max(startBytes, size - MAX_READ_BYTES);
      const bytes = Buffer.alloc(Math.max(0, size - from));
      const text = bytes.toString('utf8', 0, readSync(descriptor, bytes, 0, bytes.length, from));
      for (const line of text.split('\n')) kept.add(line);
    } finally {
      closeSync(descriptor);
    }
  } catch {
    // What cannot be read cannot be told.
  }
  return kept.get();
}

function unusable(file: string, reason: string, cause?: unknown): VhostError {
  return new VhostError('ERR_DAEMONIZE_LOG', `cannot write the log file ${file}: ${reason}`, {
    info: { path: file },
    cause,
  });
}

/** O_APPEND: several writers never overwrite one another. O_NONBLOCK: a named pipe without a reader is refused at once. */
const FLAGS =
  constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const MAX_READ_BYTES = 16_384;
