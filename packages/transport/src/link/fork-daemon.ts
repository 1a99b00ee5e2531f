// Starts the program of a daemon once more, with a link to this process; and reads what such a daemon is told.
import { fork } from 'node:child_process';
import type { ChildProcess, ForkOptions } from 'node:child_process';
import { TAKEOVER_VARIABLE, VhostError } from '@vhostd/protocol';
import type { LaunchInfo, TakeoverInfo, OrphanedMaster } from '@vhostd/protocol';
import { forkWithLink } from './fork-link.js';
import type { Link } from './link.js';

/**
 * Starts a daemon in a session of its own, which outlives this process. A program that could not be started shows in
 * the child's 'error' and the link's end.
 * @throws {VhostError} ERR_NODE_INTERNALS; or the system's error where no process can be started at all.
 */
export function forkDaemon(
  launch: LaunchInfo,
  takeover: TakeoverInfo,
  onViolation: (detail: string) => void,
): { child: ChildProcess; link: Link } {
  const [file = '', ...args] = launch.args;
  return forkWithLink(
    (variables) => {
      const options: ForkOptions & { argv0: string } = {
        execPath: launch.execPath,
        argv0: launch.argv0,
        execArgv: launch.execArgv,
        cwd: launch.cwd,
        env: { ...launch.env, ...variables, [TAKEOVER_VARIABLE]: JSON.stringify(takeover) },
        stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
        serialization: 'json',
        detached: true,
      };
      const child = fork(file, args, options);
      // What fails is heard of in other ways too; an 'error' that nobody hears would end this process.
      child.on('error', () => undefined);
      return child;
    },
    (child) => child,
    { type: launch.linkType, onViolation },
  );
}

/**
 * What this process was told if it is such a daemon, for the run directory `runDir`; the variable is removed then.
 * @throws {VhostError} ERR_TAKEOVER_VARIABLE when the variable holds something else.
 */
export function readTakeoverInfo(runDir: string): TakeoverInfo | undefined {
  const text = process.env[TAKEOVER_VARIABLE];
  if (text === undefined) return undefined;
  const takeover = parse(text);
  if (takeover === undefined) {
    throw new VhostError('ERR_TAKEOVER_VARIABLE', `${TAKEOVER_VARIABLE} is not what a daemon sets`, {
      info: { text },
    });
  }
  if (takeover.runDir !== runDir) return undefined;
  delete process.env[TAKEOVER_VARIABLE];
  return takeover;
}

function parse(text: string): TakeoverInfo | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isRecord(value) || typeof value['runDir'] !== 'string') return undefined;
  const { role, runDir, master } = value;
  if (role === 'candidate') return { role, runDir };
  return role === 'respawned' && isOrphan(master) ? { role, runDir, master } : undefined;
}

function isOrphan(value: unknown): value is OrphanedMaster & Record<string, unknown> {
  if (!isRecord(value)) return false;
  const { pid, startTime, bootId, uptimeMs, restarts } = value;
  return (
    Number.isSafeInteger(pid) &&
    typeof startTime === 'string' &&
    typeof bootId === 'string' &&
    typeof uptimeMs === 'number' &&
    typeof restarts === 'number'
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
