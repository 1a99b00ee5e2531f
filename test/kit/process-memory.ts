// Looks for bytes in all the memory that a process of this test may write, as a debugger would.
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';

/** The names of those byte strings that are somewhere in the memory of a process. */
export function foundInMemory(pid: number, wanted: ReadonlyMap<string, Buffer>): string[] {
  const overlap = Math.max(...[...wanted.values()].map(({ length }) => length));
  const chunk = Buffer.alloc(CHUNK_BYTES + overlap);
  const found = new Set<string>();
  const fd = openSync(`/proc/${pid}/mem`, 'r');
  try {
    for (const { from, to } of writableRegions(pid)) {
      for (let at = from; at < to; at += CHUNK_BYTES) {
        const length = readAt(fd, chunk, at, Math.min(chunk.length, to - at));
        const bytes = chunk.subarray(0, length);
        for (const [name, text] of wanted) if (bytes.includes(text)) found.add(name);
      }
    }
  } finally {
    closeSync(fd);
  }
  return [...found].toSorted();
}

function writableRegions(pid: number): { from: number; to: number }[] {
  const lines = readFileSync(`/proc/${pid}/maps`, 'utf8').split('\n');
  return lines.flatMap((line) => {
    const [, from, to] = /^([\da-f]+)-([\da-f]+) rw/.exec(line) ?? [];
    if (from === undefined || to === undefined) return [];
    return [{ from: Number.parseInt(from, 16), to: Number.parseInt(to, 16) }];
  });
}

/** A region may have gone since they were listed. */
function readAt(fd: number, into: Buffer, at: number, length: number): number {
  try {
    return readSync(fd, into, 0, length, at);
  } catch {
    return 0;
  }
}

const CHUNK_BYTES = 1024 * 1024;
