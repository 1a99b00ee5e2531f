// The master's own log: JSON lines, an event and its fields each, that neither a full disk nor a dead reader of
// standard error can turn into a crash.
import { pino, stdTimeFunctions } from 'pino';
import type { DestinationStream, Logger } from 'pino';
import { LogFiles } from './log-files.js';

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
}

/**
 * Creates a logger. `logger.child({ siteId })` is the one of a site.
 *
 * Writing never throws and never waits: what can't be written is held, up to 1 MiB, then lost. A file tells so itself
 * in a line of event `log.lost`, and goes on in a new one after `LogFiles.shared.reopen()`.
 */
export function createLogger({ level, name, file }: LoggerOptions): Logger {
  const options = { name, level, base: { pid: process.pid }, timestamp: stdTimeFunctions.isoTime };
  return pino(options, file === undefined ? standardError() : fileDestination(file, name));
}

function fileDestination(file: string, name: string): DestinationStream & { flushSync(): void } {
  const opened = LogFiles.shared.open(file, {
    notice: ({ bytes, lines }) =>
      `${JSON.stringify({ level: 40, time: new Date().toISOString(), pid: process.pid, name, event: 'log.lost', lines, bytes })}\n`,
  });
  return { write: (line) => void opened.write(line), flushSync: () => opened.flushSync() };
}

let sharedStandardError: DestinationStream | undefined;

/** One for all loggers of the process, so that their lines keep their order. */
function standardError(): DestinationStream {
  if (sharedStandardError !== undefined) return sharedStandardError;
  const destination = pino.destination({ dest: 2, sync: false, minLength: 0, maxLength: MAX_WAITING_BYTES });
  // Unheard, an error would end the process. The line stays queued and the next one tries again.
  destination.on('error', () => {});
  const flushSync = destination.flushSync.bind(destination);
  // pino calls this at exit, where what it throws would become the process's exit code.
  destination.flushSync = () => {
    try {
      flushSync();
    } catch {
      // Standard error takes nothing; there is nowhere to say so.
    }
  };
  sharedStandardError = destination;
  return destination;
}

const MAX_WAITING_BYTES = 1_048_576;
