// Gives a forked child a session, and with it a process group, of its own, and lets other programs prepare its process,
// each of which becomes the next one (exec). node:cluster hands neither `detached` nor another program through to
// `spawn`, so both are set where ChildProcess is told to spawn. Checked on Node 20.20, 22.23, 24.21 and 26.10;
// fork-leader.test.ts fails where it changes: the child stays in its parent's group then, and runs as well.
import { ChildProcess } from 'node:child_process';

/**
 * Runs `fork`, which must create its child synchronously. The child's process group has the number of its pid.
 * @param through A command, with absolute paths, in front of the one that `fork` gives.
 */
export function forkLeader<T>(fork: () => T, through: readonly string[] = []): T {
  const prototype = ChildProcess.prototype as unknown as {
    spawn: (this: object, options: { file: string; args: string[] }) => unknown;
  };
  const spawn = prototype.spawn;
  prototype.spawn = function detach(options) {
    const [file = options.file] = through;
    return spawn.call(this, { ...options, file, args: [...through, ...options.args], detached: true });
  };
  try {
    return fork();
  } finally {
    prototype.spawn = spawn;
  }
}
