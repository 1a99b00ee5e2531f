// Closes descriptors in which another process may have put something: a socket that lingers, or a Unix socket with such
// a one in its queue. The last close of one of those stops the thread that makes it for as long as the other process
// chose; a process that is being killed does not wait. So a helper inherits them, this process closes its own, and the
// helper is killed.
import { spawn } from 'node:child_process';
import type { ChildProcess, StdioOptions } from 'node:child_process';

/** A descriptor, and how this process closes it. */
export interface Disposable {
  readonly fd: number;
  close(): void;
}

let waiting: Disposable[] = [];
let scheduled = false;

/** Disposes of these in this turn of the event loop; where no process can be started, as soon as one can. */
export function dispose(disposables: readonly Disposable[]): void {
  waiting.push(...disposables);
  if (scheduled || waiting.length === 0) return;
  scheduled = true;
  setImmediate(disposeNow);
}

/** Disposes at once of what waits. */
export function disposeNow(): void {
  scheduled = false;
  const batch = waiting.splice(0, BATCH_MAX_COUNT);
  if (batch.length === 0) return;
  const open = batch.filter(({ fd }) => fd >= 0);
  const helper = open.length === 0 ? undefined : holder(open.map(({ fd }) => fd));
  if (open.length > 0 && helper === undefined) {
    waiting = [...batch, ...waiting];
    if (scheduled) return;
    scheduled = true;
    setTimeout(disposeNow, RETRY_MS).unref();
    return;
  }
  for (const disposable of batch) disposable.close();
  helper?.kill('SIGKILL');
  if (waiting.length > 0) disposeNow();
}

/** A process that has these and does nothing; undefined where none can be started. */
function holder(fds: readonly number[]): ChildProcess | undefined {
  const stdio: StdioOptions = ['ignore', 'ignore', 'ignore', ...fds];
  for (const [file, args] of HOLDERS) {
    try {
      const child = spawn(file, args, { stdio, env: { PATH: process.env['PATH'] } });
      child.on('error', () => undefined);
      child.unref();
      if (child.pid !== undefined) return child;
    } catch {
      // The next one may be there.
    }
  }
  return undefined;
}

/** Programs that do nothing for a while; the second one takes longer to start, but is always there. */
const HOLDERS: readonly [file: string, args: readonly string[]][] = [
  ['sleep', ['60']],
  [process.execPath, ['--eval', 'setTimeout(() => {}, 60000)']],
];

/** Descriptors that one helper takes. */
const BATCH_MAX_COUNT = 250;
const RETRY_MS = 100;
