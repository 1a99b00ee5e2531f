// Sees to it that a test process which dies leaves nothing behind: one helper for all that it has started.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

let started = false;

/** Has all processes whose mark begins like this one killed once this process has ended. Returns the mark. */
export function reaped(mark: string): string {
  if (started) return mark;
  started = true;
  const file = fileURLToPath(new URL('./reaper.child.js', import.meta.url));
  const child = spawn(process.execPath, [file, `${process.pid}.`], {
    stdio: ['pipe', 'ignore', 'inherit'],
    detached: true,
  });
  child.unref();
  // It ends with this process, which must not wait for it.
  (child.stdin as unknown as { unref(): void }).unref();
  return mark;
}
