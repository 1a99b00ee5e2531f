// Gives a forked child a session, and with it a process group, of its own. node:cluster hands no `detached` through to
// `spawn`, so that is set where ChildProcess is told to spawn. Checked on Node 20.20, 22.23, 24.21 and 26.10;
// fork-leader.test.ts fails where it changes: the child stays in its parent's group then, and runs as well.
import { ChildProcess } from 'node:child_process';

/** Runs `fork`, which must create its child synchronously. The child's process group has the number of its pid. */
export function forkLeader<T>(fork: () => T): T {
  const prototype = ChildProcess.prototype as unknown as {
    spawn: (this: object, options: object) => unknown;
  };
  const spawn = prototype.spawn;
  prototype.spawn = function detach(options) {
    return spawn.call(this, { ...options, detached: true });
  };
  try {
    return fork();
  } finally {
    prototype.spawn = spawn;
  }
}
