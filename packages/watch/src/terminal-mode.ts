// Brings the terminal back to how it was: a program that had it in raw mode may be killed before it does so itself.
import { spawnSync } from 'node:child_process';
import { isatty } from 'node:tty';
import { isInBackground } from './terminal-input.js';

/** The terminal of standard input, as it was when this was made; nothing if there is none. */
export class TerminalMode {
  readonly #saved: string | undefined = isatty(0) ? stty('-g') : undefined;

  /** Does nothing in the background, where the terminal is another's. */
  restore(): void {
    if (this.#saved !== undefined && !isInBackground()) stty(this.#saved);
  }
}

/** stty(1) of POSIX: `-g` prints the mode in a form that it takes again. */
function stty(argument: string): string | undefined {
  const { status, stdout } = spawnSync('stty', [argument], {
    stdio: ['inherit', 'pipe', 'ignore'],
    encoding: 'utf8',
  });
  return status === 0 ? stdout.trim() : undefined;
}
