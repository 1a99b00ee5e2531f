// The duty of the first process of a container: what has ended and whose own parent is gone stays in the process table
// until it is waited for. Node waits for what it has started only.
import { readdirSync } from 'node:fs';
import { readProcess } from '@vhostd/supervisor';
import type { ProcessEntry } from '@vhostd/supervisor';
import { nativeCalls } from '@vhostd/transport';

/** Begins where this process is the first one of its container. `library`: with what it waits; undefined: it can't. */
export function reapOrphans(
  report: (library: string | undefined) => void,
  { isFirst = process.pid === 1 }: { isFirst?: boolean } = {},
): void {
  if (!isFirst) return;
  const calls = nativeCalls();
  report(calls?.library);
  if (calls === undefined) return;
  let before = new Set<string>();
  const look = (): void => {
    const ended = endedChildren();
    // Node has waited for its own by now: since the last look its event loop has turned.
    for (const child of ended) if (before.has(nameOf(child))) calls.reap(child.pid);
    before = new Set(ended.map(nameOf));
    setTimeout(look, LOOK_MS).unref();
  };
  look();
}

function endedChildren(): ProcessEntry[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/u.test(name))
    .flatMap((name) => readProcess(Number(name)) ?? [])
    .filter(({ parentPid, isZombie }) => isZombie && parentPid === process.pid);
}

/** Pids are used again. */
function nameOf({ pid, startTime }: ProcessEntry): string {
  return `${pid} ${startTime}`;
}

const LOOK_MS = 1_000;
