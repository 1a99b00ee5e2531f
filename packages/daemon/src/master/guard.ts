// Brings vhostd back when nobody of it is left that could: a shell of 1 MB that waits for the end of its standard input,
// whose other end daemon and master hold, and whoever they have just started to follow one that died. It holds no socket
// but those that were passed to vhostd: other clients are refused until the next daemon listens. It stays for all
// daemons that follow one another. Where there is no /bin/sh there is no guard.
import { spawn } from 'node:child_process';
import { Socket } from 'node:net';
import { GuardPipe, workingDirectory } from '@vhostd/transport';
import type { LaunchInfo } from '@vhostd/protocol';
import type { BoundListeners } from '../listeners/bound-listeners.js';

export class Guard {
  #pipe: GuardPipe | undefined = GuardPipe.inherited();
  #start: (() => GuardPipe | undefined) | undefined;

  /** This process is about to take the run directory: its PID file there is no reason to start nothing. */
  announce(): void {
    if (this.#pipe?.tell(String(process.pid)) === false) this.#pipe = undefined;
  }

  /** From now on {@link stand} starts a guard where there is none. An end of this process in order dismisses it. */
  allow(launch: LaunchInfo, pidFile: string, listeners: BoundListeners): void {
    this.#start = () => start(launch, pidFile, listeners);
    process.on('exit', (code) => {
      if (code === 0) this.dismiss();
    });
  }

  /** The end of its pipe; undefined while there is none. */
  get fd(): number | undefined {
    return this.#pipe?.fd;
  }

  /**
   * The end that a new master is to hold. One that was lost is started anew for a master only: one that has no end could
   * live on behind the guard's back.
   */
  stand(): number | undefined {
    if (this.fd === undefined) this.#pipe = this.#start?.();
    return this.fd;
  }

  /** Nothing is to be brought back any more. */
  dismiss(): void {
    this.#pipe?.tell('end');
    this.leave();
  }

  /** Another daemon is in charge, which has an end, too. */
  leave(): void {
    this.#start = undefined;
    this.#pipe?.close();
  }
}

function start(launch: LaunchInfo, pidFile: string, listeners: BoundListeners): GuardPipe | undefined {
  // It passes them on as they came, sd_listen_fds(3).
  const passed = listeners.passed().map(({ handle }) => handle.fd);
  const program = [launch.argv0, ...launch.execArgv, ...launch.args];
  const guard = spawn('/bin/sh', ['-c', SCRIPT, 'vhostd-guard', pidFile, String(process.pid), ...program], {
    cwd: workingDirectory(launch.cwd),
    env: { ...launch.env, ...(passed.length === 0 ? {} : { LISTEN_FDS: String(passed.length) }) },
    stdio: ['pipe', 'inherit', 'inherit', ...passed],
    // What ends the daemon's process group is not to end this.
    detached: true,
  });
  // It may be gone, or there is none: nothing else depends on it.
  guard.on('error', () => undefined);
  guard.unref();
  const { stdin } = guard;
  stdin?.on('error', () => undefined);
  if (!(stdin instanceof Socket)) return undefined;
  stdin.unref();
  return GuardPipe.of(stdin);
}

/** It is told the pid of each daemon. A PID file of a daemon that it was not told of, or none, leaves it nothing to do. */
const SCRIPT = `
file=$1 daemons=" $2 "
shift 2
while read -r line; do [ "$line" = end ] && exit 0; daemons="$daemons$line "; done
pid=
{ read -r pid < "$file"; } 2>/dev/null
case $daemons in *" $pid "*) ;; *) exit 0 ;; esac
[ -z "$LISTEN_FDS" ] || export LISTEN_PID=$$
exec "$@" </dev/null`;
