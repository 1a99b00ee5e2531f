// A terminal that a program fills, and leaves as it found it. Lines that stay are not written again.
import { writeSync } from 'node:fs';
import type { ReadStream, WriteStream } from 'node:tty';
import type { Line, Size, Style } from './view.js';

/** Standard output, where it is a terminal. */
type TerminalOutput = WriteStream & { readonly fd: number };

export class Screen {
  readonly #input: ReadStream;
  readonly #output: TerminalOutput;
  readonly #colours: boolean;
  #drawn: string[] = [];
  #isOpen = false;
  readonly #onExit = (): void => this.close();

  constructor(input: ReadStream, output: TerminalOutput, colours: boolean) {
    this.#input = input;
    this.#output = output;
    this.#colours = colours;
  }

  get size(): Size {
    return { columns: this.#output.columns, rows: this.#output.rows };
  }

  /** Takes the terminal, until {@link close} or the end of the process. */
  open(): void {
    if (this.#isOpen) return;
    this.#isOpen = true;
    process.on('exit', this.#onExit);
    // Before the error is printed, which would be gone with this screen.
    process.on('uncaughtExceptionMonitor', this.#onExit);
    this.#input.setRawMode(true);
    this.#write(`${ALTERNATE_SCREEN}${HIDE_CURSOR}${NO_WRAP}`);
    this.#drawn = [];
  }

  /** Gives it back. Not by the stream, which a process that ends does not wait for. */
  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    process.off('exit', this.#onExit);
    process.off('uncaughtExceptionMonitor', this.#onExit);
    this.#write(`${RESET}${WRAP}${SHOW_CURSOR}${FIRST_SCREEN}`);
    try {
      this.#input.setRawMode(false);
    } catch {
      // The terminal is gone.
    }
  }

  /** Leaves the terminal to the shell, with all of its job, until that continues it; then takes it again. */
  suspend(): void {
    this.close();
    // SIGTSTP, not SIGSTOP: it stops nothing where no shell is there to continue it. The main thread takes it, here.
    const listeners = process.listeners('SIGTSTP');
    process.removeAllListeners('SIGTSTP');
    process.kill(0, 'SIGTSTP');
    for (const listener of listeners) process.on('SIGTSTP', listener);
    this.open();
  }

  /** Everything is drawn anew with the next {@link draw}: after a change of size. */
  redraw(): void {
    this.#drawn = [];
  }

  /** Shows the lines: those that differ, in one write, which terminals that can show at once. */
  draw(lines: readonly Line[]): void {
    const styled = lines.map(({ text, style }) => this.#styled(text, style));
    const changes = styled.flatMap((text, index) =>
      this.#drawn[index] === text ? [] : [`\u{1b}[${index + 1};1H${CLEAR_LINE}${text}${RESET}`],
    );
    this.#drawn = styled;
    if (changes.length > 0 && this.#isOpen) this.#write(`${BEGIN_UPDATE}${changes.join('')}${END_UPDATE}`);
  }

  #styled(text: string, style: Style): string {
    const code = this.#colours ? STYLES[style] : PLAIN_STYLES[style];
    return code === undefined ? text : `\u{1b}[${code}m${text}`;
  }

  #write(text: string): void {
    try {
      writeSync(this.#output.fd, text);
    } catch {
      // The terminal is gone, or takes nothing now: the next change of a line shows it.
      this.#drawn = [];
    }
  }
}

/** Of SGR (ECMA-48 8.3.117). */
const STYLES: Readonly<Record<Style, string | undefined>> = {
  plain: undefined,
  heading: '7',
  selected: '30;46',
  bad: '31',
  faint: '2',
};
const PLAIN_STYLES: Readonly<Record<Style, string | undefined>> = {
  ...STYLES,
  selected: '7',
  bad: '1',
};

const ALTERNATE_SCREEN = '\u{1b}[?1049h';
const FIRST_SCREEN = '\u{1b}[?1049l';
const HIDE_CURSOR = '\u{1b}[?25l';
const SHOW_CURSOR = '\u{1b}[?25h';
const NO_WRAP = '\u{1b}[?7l';
const WRAP = '\u{1b}[?7h';
const RESET = '\u{1b}[m';
const CLEAR_LINE = '\u{1b}[2K';
/** Synchronized output, which terminals that do not know it ignore. */
const BEGIN_UPDATE = '\u{1b}[?2026h';
const END_UPDATE = '\u{1b}[?2026l';
