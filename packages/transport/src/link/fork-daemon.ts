// Starts the program of a daemon once more, with a link to this process.
import { fork } from 'node:child_process';
import type { ChildProcess, ForkOptions } from 'node:child_process';
import { TAKEOVER_VARIABLE } from '@vhostd/protocol';
import type { LaunchInfo, TakeoverInfo } from '@vhostd/protocol';
import { forkWithLink } from './fork-link.js';
import type { ForkLinkOptions } from './fork-link.js';
import type { Link } from './link.js';
import { workingDirectory } from './working-directory.js';

/**
 * Starts a daemon in a session of its own, which outlives this process. A program that could not be started shows in
 * the child's 'error' and the link's end.
 * @throws {VhostError} ERR_NODE_INTERNALS; or the system's error where no process can be started at all.
 */
export function forkDaemon(
  launch: LaunchInfo,
  takeover: TakeoverInfo,
  { onViolation, guardFd }: Pick<ForkLinkOptions, 'onViolation' | 'guardFd'>,
): { child: ChildProcess; link: Link } {
  const [file = '', ...args] = launch.args;
  return forkWithLink(
    (variables) => {
      const options: ForkOptions & { argv0: string } = {
        execPath: launch.execPath,
        argv0: launch.argv0,
        execArgv: launch.execArgv,
        cwd: workingDirectory(launch.cwd),
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
    { type: launch.linkType, onViolation, guardFd },
  );
}
