// A note that a start is under way. Where its writer is killed before the PID file is written, it still leads to the
// process: the process has the text of the note in its environment.
import { randomUUID } from 'node:crypto';
import { readFileSync, readdirSync, unlinkSync, writeFileSync } from 'node:fs';
import { readIdentity } from '@vhostd/supervisor';
import type { ProcessIdentity } from '@vhostd/supervisor';

/** The variable of a started process that holds the text of its note. */
export const START_VARIABLE = 'VHOSTD_DAEMON_START';

/** To be written and removed with the lock held, in a private directory. */
export class StartNote {
  readonly #file: string;

  constructor(file: string) {
    this.#file = file;
  }

  /** Gives the text, which no other note has. Throws the system's error. */
  write(): string {
    const text = randomUUID();
    this.remove();
    writeFileSync(this.#file, text, { flag: 'wx', mode: 0o600 });
    return text;
  }

  remove(): void {
    try {
      unlinkSync(this.#file);
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
    }
  }

  /** The living process that was started with the note; undefined without a note or process. */
  findProcess(): ProcessIdentity | undefined {
    const text = read(this.#file);
    if (!TEXT.test(text)) return undefined;
    const found = readdirSync('/proc')
      .filter((name) => /^\d+$/u.test(name))
      .filter((pid) => read(`/proc/${pid}/environ`).split('\0').includes(`${START_VARIABLE}=${text}`))
      .map((pid) => readIdentity(Number(pid)))
      .filter((identity) => identity !== undefined);
    // Its own children have the variable, too, and are younger.
    return found.toSorted((a, b) => Number(a.startTime) - Number(b.startTime) || a.pid - b.pid)[0];
  }
}

/** As crypto.randomUUID makes them; a note that was cut off is none. */
const TEXT = /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/u;

/** Empty if it cannot be read: it is not there, or another user's. */
function read(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return '';
  }
}
