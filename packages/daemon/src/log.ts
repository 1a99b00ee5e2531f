// The daemon's own log on stderr, an event and its fields each: a JSON object a line, or words where that is a terminal.
import { logShape, VhostError } from '@vhostd/protocol';
import { pino, stdTimeFunctions } from 'pino';
import type { Logger } from 'pino';
import { LOG_LEVELS } from './log-level.js';
import type { LogLevel } from './log-level.js';

/** @throws {VhostError} ERR_DAEMON_OPTION for an unknown level. */
export function createLog(level: LogLevel): Logger {
  if (!LOG_LEVELS.includes(level)) {
    throw new VhostError('ERR_DAEMON_OPTION', `logLevel '${level}' is not one of ${LOG_LEVELS.join(', ')}`, {
      info: { option: 'logLevel', value: level },
    });
  }
  const destination = pino.destination({ fd: 2, sync: true });
  // A full disk or a reader that is gone must not end the daemon; what can't be written is lost.
  destination.on('error', () => undefined);
  const options = { name: 'daemon', level, base: { pid: process.pid }, timestamp: stdTimeFunctions.isoTime };
  const shape = logShape(2);
  return pino(options, { write: (line) => void destination.write(shape(line)) });
}

/** The fields of an error in a log line; its stack is for those who debug. */
export function errorFields(log: Logger, error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return { message: String(error) };
  return {
    ...('code' in error ? { code: error.code } : {}),
    message: error.message,
    ...(log.isLevelEnabled('debug') ? { stack: error.stack } : {}),
  };
}

/**
 * Logs what came of something as event `done`, with the fields of its outcome, or `WHAT.failed`; both with `fields`.
 * Settles as `outcome` does.
 */
export async function logOutcome<T>(
  log: Logger,
  what: string,
  done: string,
  outcome: Promise<T>,
  fields: object = {},
): Promise<T> {
  try {
    const result = await outcome;
    const told = { event: done, ...fields, ...(typeof result === 'object' ? result : {}) };
    if (failedInPart(result)) log.warn(told);
    else log.info(told);
    return result;
  } catch (error) {
    log.error({ event: `${what}.failed`, ...fields, ...errorFields(log, error) });
    throw error;
  }
}

/** Whether something was done but not for every site, as a reload that one of them does not survive. */
export function failedInPart(result: unknown): boolean {
  const sites: unknown = Reflect.get(Object(result), 'sites');
  const all: unknown[] = Array.isArray(sites) ? sites : [result];
  return all.some((one) => Reflect.get(Object(one), 'ok') === false);
}
