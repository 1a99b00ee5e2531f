// A file in the state directory with what operators want: read once, written whole or not at all. What cannot be read is
// put aside when something is written, never overwritten.
import { mkdirSync, readFileSync, renameSync } from 'node:fs';
import path from 'node:path';
import { writeWhole } from '@vhostd/protocol';
import type { z } from '@vhostd/protocol/schemas';

export class KeptFile<T> {
  readonly #file: string | undefined;
  /** What was kept; undefined where there is nothing. */
  readonly content: T | undefined;
  /** Why what was kept could not be read. */
  readonly trouble: string | undefined;

  /** Reads it. Without a state directory nothing is kept. */
  constructor(stateDir: string | undefined, name: string, schema: z.ZodType<T>) {
    this.#file = stateDir === undefined ? undefined : path.join(stateDir, name);
    try {
      const text = this.#file === undefined ? undefined : read(this.#file);
      if (text !== undefined) this.content = schema.parse(JSON.parse(text));
    } catch (error) {
      this.trouble = `${this.#file}: ${error instanceof Error ? error.message : String(error)}`;
    }
  }

  /** Another file takes the place of the former one. False if it could not be written. */
  write(content: T): boolean {
    if (this.#file === undefined) return false;
    const file = this.#file;
    try {
      mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
      writeWhole(file, `${JSON.stringify(content, null, 2)}\n`, {
        onWritten: () => {
          if (this.trouble !== undefined) keepUnreadable(file);
        },
      });
      return true;
    } catch {
      return false;
    }
  }
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/** What somebody else has written is not overwritten. */
function keepUnreadable(file: string): void {
  try {
    renameSync(file, `${file}.unreadable`);
  } catch {
    // It is gone, or was never there.
  }
}
