// The master's own log, an event and its fields each: JSON lines, or words on a terminal, that neither a full disk nor a dead reader of
// standard error can turn into a crash.
import { logShape } from '@vhostd/protocol';
import { pino, stdTimeFunctions } from 'pino';
import type { DestinationStream, Logger } from 'pino';
import type { Loss } from './line-queue.js';
import { LogFiles } from './log-files.js';
import type { LogRotation } from '../conf/site-conf.js';
import { descriptorSource } from './log-target.js';

export type { Logger } from 'pino';

/** Least severe level that is logged. */
export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent';

/** Options of {@link createLogger}. */
export interface LoggerOptions {
  level: LogLevel;
  /** The process's part, for instance `master`; it is in every line, beside the pid. */
  name: string;
  /** File to append to. Default: standard error. */
  file?: string | undefined;
  /** Bounds of the file. Absent: others rotate it. */
  rotate?: LogRotation | undefined;
}

/**
 * Creates a logger. `logger.child({ siteId })` is the one of a site.
 *
 * Writing never throws and never waits: what can't be written is held, up to 1 MiB, then lost, which a line of event
 * `log.lost` tells when it can be written again. A file is reopened by `LogFiles.shared.reopen()`. When the process
 * exits, what is held is written before; a line that is being written at that moment may come out of its order.
 */
export function createLogger({ level, name, file, rotate }: LoggerOptions): Logger {
  const options = { name, level, base: { pid: process.pid }, timestamp: stdTimeFunctions.isoTime };
  return pino(options, destination(name, file, rotate));
}

/** pino's own destination keeps a process from exiting for ever when standard error takes nothing (a full disk). */
function destination(
  name: string,
  file: string | undefined,
  rotation: LogRotation | undefined,
): DestinationStream & { flushSync(): void } {
  const notice = (loss: Loss): string => `${JSON.stringify(lossLine(name, loss))}\n`;
  const opened =
    file === undefined
      ? LogFiles.shared.open('standard error', { notice, source: descriptorSource(STANDARD_ERROR) })
      : LogFiles.shared.open(file, { notice, ...(rotation === undefined ? {} : { rotation }) });
  const shape = file === undefined ? logShape(STANDARD_ERROR) : (line: string): string => line;
  return { write: (line) => void opened.write(shape(line)), flushSync: () => opened.flushSync() };
}

function lossLine(name: string, { bytes, lines }: Loss): object {
  const time = new Date().toISOString();
  return { level: pino.levels.values['warn'], time, pid: process.pid, name, event: 'log.lost', lines, bytes };
}

const STANDARD_ERROR = 2;
