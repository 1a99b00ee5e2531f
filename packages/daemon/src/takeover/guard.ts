// Brings vhostd back when daemon and master die at the same moment, and neither has started the other anew: a shell that
// waits for the daemon's end, of 1 MB, with nothing to do meanwhile. It holds no socket but those that were passed to
// vhostd: other clients are refused until the next daemon listens. Where there is no /bin/sh there is no guard.
import { spawn } from 'node:child_process';
import { Socket } from 'node:net';
import { workingDirectory } from '@vhostd/transport';
import type { LaunchInfo } from '@vhostd/protocol';
import type { BoundListeners } from '../listeners/bound-listeners.js';
import type { MasterSlot } from '../master/master-slot.js';

/** Starts the guard of this process, which is the one that the PID file names. Returns what dismisses it. */
export function startGuard(
  launch: LaunchInfo,
  pidFile: string,
  slot: MasterSlot,
  listeners: BoundListeners,
): () => void {
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
  guard.stdin?.on('error', () => undefined);
  guard.unref();
  if (guard.stdin instanceof Socket) guard.stdin.unref();
  const say = (line: string): void => void guard.stdin?.write(`${line}\n`);
  const tell = (pid: number): void => say(String(pid));
  slot.on('spawned', tell);
  slot.on('adopted', tell);
  if (slot.pid !== undefined) tell(slot.pid);
  const dismiss = (): void => say('end');
  process.on('exit', (code) => {
    if (code === 0) dismiss();
  });
  return dismiss;
}

/**
 * The end of standard input is the daemon's. While its master lives, that one starts the next daemon; that one's PID
 * file, or none after an ordered end, says that there is nothing to do here.
 */
const SCRIPT = `
file=$1 daemon=$2 master=
shift 2
while read -r line; do [ "$line" = end ] && exit 0; master=$line; done
isOpen() { pid=; read -r pid < "$file"; [ "$pid" = "$daemon" ]; } 2>/dev/null
while [ -n "$master" ] && kill -0 "$master" 2>/dev/null; do isOpen || exit 0; sleep 1; done
isOpen || exit 0
# The master may have started one, which has yet to boot.
sleep 1
isOpen || exit 0
[ -z "$LISTEN_FDS" ] || export LISTEN_PID=$$
exec "$@" </dev/null`;
