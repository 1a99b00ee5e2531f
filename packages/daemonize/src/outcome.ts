// How the outcome of a start or stop reads: as an error, or as a line of the log.
import { VhostError } from '@vhostd/protocol';
import type { RunEnd } from './daemon-run.js';
import type { StopResult } from './results.js';

/** The system starts no such process. */
export function spawnError(name: string, bin: string, cause: unknown): VhostError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new VhostError('ERR_DAEMONIZE_SPAWN', `${bin} cannot be started: ${reason}`, {
    info: { name, bin },
    cause,
  });
}

/** The process ended too early. `stderr`: the last lines that it wrote, undefined where they are not kept. */
export function endedError(
  name: string,
  { end, uptimeMs }: Extract<RunEnd, { spawned: true }>,
  stderr: string[] | undefined,
): VhostError {
  const how = end.signal === null ? `exit code ${end.code}` : `signal ${end.signal}`;
  return new VhostError(
    'ERR_DAEMONIZE_ENDED',
    `process ${end.pid} ended with ${how}, ${uptimeMs} ms after its start; ${describe(stderr)}`,
    {
      info: {
        name,
        pid: end.pid,
        exitCode: end.code,
        signal: end.signal,
        uptimeMs,
        ...(stderr === undefined ? {} : { stderr }),
      },
    },
  );
}

export function describeStop(result: StopResult): string {
  if (result.status === 'not-running') return 'was not running';
  if (result.status === 'stopped') return `stopped, process ${result.pid}`;
  if (result.status === 'killed') return `killed, process ${result.pid}: it did not end after SIGTERM`;
  return `was not running; ${result.pid} is the pid of another process now, which got no signal`;
}

function describe(stderr: string[] | undefined): string {
  if (stderr === undefined) return 'turn on logs to see why';
  if (stderr.length === 0) return 'it wrote nothing to standard error';
  return `it wrote to standard error:\n${stderr.join('\n')}`;
}
