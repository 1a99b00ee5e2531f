// Standard input while a program is watched: `rs` restarts it, every other line is the program's.
import { readFileSync } from 'node:fs';
import type { ReadStream } from 'node:tty';
import type { Readable, Writable } from 'node:stream';

/** What is done with what is typed. */
export interface TerminalInputOptions {
  input: Readable | ReadStream;
  /** `rs` and Enter. */
  onRestart: () => void;
}

/**
 * Reads lines, and writes those that are not `rs` to the present program. It stops to read while the program does not
 * take what it was given. What is typed while there is no program is lost.
 */
export class TerminalInput {
  readonly #input: Readable;
  readonly #onRestart: () => void;
  readonly #onData = (chunk: Buffer): void => this.#read(chunk);
  readonly #onEnd = (): void => this.#ended();
  #program: Writable | undefined;
  #rest: Buffer = Buffer.alloc(0);
  #hasEnded = false;
  #isOpen = false;

  constructor({ input, onRestart }: TerminalInputOptions) {
    this.#input = input;
    this.#onRestart = onRestart;
  }

  /** Begins to read. */
  open(): void {
    if (this.#isOpen) return;
    this.#isOpen = true;
    this.#input.on('data', this.#onData);
    this.#input.once('end', this.#onEnd);
    // a terminal that is gone: EIO; its end is all that there is to know
    this.#input.on('error', this.#onEnd);
  }

  /** The program that is given lines from now on. */
  give(program: Writable | undefined): void {
    this.#program = program;
    this.#rest = Buffer.alloc(0);
    if (this.#hasEnded) program?.end();
    else if (this.#isOpen) this.#input.resume();
  }

  /** Stops to read, so that the process can end. */
  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#input.off('data', this.#onData);
    this.#input.off('end', this.#onEnd);
    this.#input.pause();
    if ('unref' in this.#input && typeof this.#input.unref === 'function') this.#input.unref();
  }

  #read(chunk: Buffer): void {
    let data = Buffer.concat([this.#rest, chunk]);
    for (let end = data.indexOf(NEWLINE); end !== -1; end = data.indexOf(NEWLINE)) {
      const line = data.subarray(0, end + 1);
      data = data.subarray(end + 1);
      if (/^rs\r?\n$/u.test(line.toString('latin1'))) this.#onRestart();
      else this.#pass(line);
    }
    // only the beginning of `rs` is kept back; whatever else has no newline yet is the program's at once
    if (data.length > 0 && !'rs\r'.startsWith(data.toString('latin1'))) {
      this.#pass(data);
      data = Buffer.alloc(0);
    }
    this.#rest = data;
  }

  #pass(data: Buffer): void {
    const program = this.#program;
    if (program?.writable !== true || program.write(data)) return;
    this.#input.pause();
    program.once('drain', () => {
      if (this.#program === program && this.#isOpen) this.#input.resume();
    });
  }

  #ended(): void {
    this.#hasEnded = true;
    if (this.#rest.length > 0) this.#pass(this.#rest);
    this.#rest = Buffer.alloc(0);
    this.#program?.end();
  }
}

/**
 * Whether this process is in the background of its terminal, where reading would stop it (SIGTTIN). Fields 5 and 8 of
 * /proc/self/stat: its process group and the one in the foreground, -1 without a terminal.
 */
export function isInBackground(): boolean {
  try {
    const stat = readFileSync('/proc/self/stat', 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [group, foreground] = [Number(fields[2]), Number(fields[5])];
    return foreground > 0 && group !== foreground;
  } catch {
    return false;
  }
}

const NEWLINE = 0x0a;
