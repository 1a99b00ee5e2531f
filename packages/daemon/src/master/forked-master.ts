// The process of a master that this daemon starts.
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { VhostError } from '@vhostd/protocol';
import { forkWithLink, workingDirectory } from '@vhostd/transport';
import type { Link } from '@vhostd/transport';
import type { MasterBody, MasterLaunch } from './master-process.js';

/** Whether a master process was forked by a daemon: the variable is `1` then. */
const MASTER_VARIABLE = 'VHOSTD_MASTER';

/** @throws {VhostError} ERR_MASTER_SPAWN, ERR_NODE_INTERNALS. */
export function forkMaster(
  launch: MasterLaunch,
  onViolation: (detail: string) => void,
  guardFd: number | undefined,
): MasterBody {
  const { child, link } = forkLinked(launch, onViolation, guardFd);
  return {
    pid: child.pid,
    link,
    kill: (signal) => child.kill(signal),
    onError: (callback) => child.on('error', callback),
    onExit: (callback) => child.once('exit', callback),
  };
}

function forkLinked(
  launch: MasterLaunch,
  onViolation: (detail: string) => void,
  guardFd: number | undefined,
): { child: ChildProcess; link: Link } {
  let forked: ChildProcess | undefined;
  try {
    return forkWithLink(
      (variables) => {
        forked = fork(launch.file, [...launch.args], {
          env: { ...environment(), ...launch.env, [MASTER_VARIABLE]: '1', ...variables },
          execArgv: execArgvOf(launch.execArgv ?? process.execArgv),
          cwd: workingDirectory(launch.cwd),
          stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
          // A session of its own: Ctrl-C in a terminal reaches the daemon alone, which then stops the rest in order.
          detached: true,
        });
        // What fails is heard of in other ways too; an 'error' that nobody hears would end this process.
        forked.on('error', () => undefined);
        return forked;
      },
      (child) => child,
      { type: launch.linkType, onViolation, guardFd },
    );
  } catch (error) {
    if (forked === undefined || forked.pid !== undefined || !isExecutable(process.execPath)) throw error;
    throw new VhostError(
      'ERR_MASTER_SPAWN',
      'the system starts no process: out of descriptors, memory or pids',
      {
        info: { file: launch.file },
        cause: error,
      },
    );
  }
}

/** Node itself may be gone: that is no shortage, and the system's error says so. */
function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** How Node itself is started; what the owner says of the young generation stays. */
function execArgvOf(given: readonly string[]): string[] {
  const isSaid = /semi[-_]space/.test([...given, process.env['NODE_OPTIONS'] ?? ''].join(' '));
  return [...given, ...NO_INSPECTOR, ...(isSaid ? [] : [YOUNG_GENERATION])];
}

/**
 * What V8 lets garbage grow to before it looks, MB: 64 for each half on Node 24 and 26, which it never gives back. A master
 * makes little that lives; it took no more CPU time a connection with 8.
 */
const YOUNG_GENERATION = '--max-semi-space-size=8';

/** Of this process, without what an init system says to it alone: no master, and no site, is to answer in its name. */
function environment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !OWN_VARIABLES.has(name)));
}

/** A master that still boots opens none on SIGUSR1 either, where Node can be told so (from 22.14 on). */
const NO_INSPECTOR = process.allowedNodeEnvironmentFlags.has('--disable-sigusr1')
  ? ['--disable-sigusr1']
  : [];

/** sd_notify(3), sd_listen_fds(3), systemd.exec(5) and more; and what tells a named background process from others. */
const OWN_VARIABLES: ReadonlySet<string> = new Set([
  'NOTIFY_SOCKET',
  'WATCHDOG_PID',
  'WATCHDOG_USEC',
  'LISTEN_PID',
  'LISTEN_FDS',
  'LISTEN_FDNAMES',
  'FDSTORE',
  'VHOSTD_DAEMON_START',
]);
