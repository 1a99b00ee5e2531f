// Which files are open for writing, by /proc: whoever has one open may not have written all of it.
import { readdirSync, readFileSync, readlinkSync, realpathSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';

/**
 * Those of the paths that a process has open for writing, as far as this user may see. A thousand open files of the
 * machine take about 5 ms. It looks for `budgetMs` at most, at young processes first, and answers with none where
 * there is no /proc.
 */
export async function findWritten(
  paths: readonly string[],
  budgetMs: number = BUDGET_MS,
): Promise<ReadonlySet<string>> {
  const wanted = new Map(paths.map((path) => [orNone(() => realpathSync(path)) ?? path, path]));
  const written = new Set<string>();
  if (wanted.size === 0) return written;
  const pids = listed('/proc').filter((name) => /^\d+$/u.test(name));
  const untilMs = performance.now() + budgetMs;
  for (const pid of pids.toSorted((a, b) => Number(b) - Number(a))) {
    for (const target of openForWriting(pid, wanted)) written.add(wanted.get(target) ?? target);
    if (performance.now() > untilMs) break;
    await setImmediate();
  }
  return written;
}

function openForWriting(pid: string, wanted: ReadonlyMap<string, string>): string[] {
  return listed(`/proc/${pid}/fd`).flatMap((fd) => {
    const target = orNone(() => readlinkSync(`/proc/${pid}/fd/${fd}`));
    return target !== undefined && wanted.has(target) && isWritable(pid, fd) ? [target] : [];
  });
}

/** The access mode is the lowest two bits of the octal flags: 1 for writing, 2 for both (proc(5), open(2)). */
function isWritable(pid: string, fd: string): boolean {
  const info = orNone(() => readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'utf8')) ?? '';
  const flags = Number.parseInt(/^flags:\s*(\d+)$/mu.exec(info)?.[1] ?? '0', 8);
  return (flags & 0b11) !== 0;
}

/** Empty for another user's process, and for one that has just ended. */
function listed(directory: string): string[] {
  return orNone(() => readdirSync(directory)) ?? [];
}

/** What is gone, or another user's, is as if it were not there. */
function orNone<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

const BUDGET_MS = 200;
