// Ends the program when `vhostd watch` itself is killed: a shell that waits for the end of a pipe.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';

/**
 * A program in a session of its own would outlive a SIGKILL of its watcher, and keep its port. This guard is told
 * which program runs; when the pipe to it breaks, it ends that program's process group.
 */
export class OrphanGuard {
  readonly #shell: ChildProcess;

  /** `killTimeoutMs` is given to the program between SIGTERM and SIGKILL; whole seconds, at least one. */
  constructor(killTimeoutMs: number) {
    const seconds = Math.max(1, Math.ceil(killTimeoutMs / 1000));
    this.#shell = spawn('/bin/sh', ['-c', SCRIPT, 'vhostd-watch-guard', String(seconds)], {
      cwd: '/',
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    // without a shell there is no guard, and all else works
    this.#shell.on('error', ignore);
    this.#shell.stdin?.on('error', ignore);
    this.#shell.unref();
    const { stdin } = this.#shell;
    if (stdin !== null && 'unref' in stdin && typeof stdin.unref === 'function') stdin.unref();
  }

  /** The group to end; undefined when there is none. */
  watch(leaderPid: number | undefined): void {
    this.#shell.stdin?.write(`${leaderPid ?? ''}\n`);
  }

  /** The guard leaves, and ends nothing. */
  close(): void {
    this.#shell.stdin?.end('\n');
  }
}

const SCRIPT = `trap '' HUP INT QUIT TERM
group=
while read -r line; do group=$line; done
[ -n "$group" ] || exit 0
kill -s TERM -- "-$group" || exit 0
left=$1
while [ "$left" -gt 0 ] && kill -s 0 -- "-$group"; do sleep 1; left=$((left - 1)); done
kill -s KILL -- "-$group"`;

function ignore(): void {
  // see above
}
