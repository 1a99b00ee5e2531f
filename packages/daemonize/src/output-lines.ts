// Makes lines of what a process writes to a pipe, within a limit of memory.
import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';

/** Calls back with each line of the stream, without its end; a line of more than 64 Ki characters comes in parts. */
export function readLines(stream: Readable, onLine: (line: string) => void): void {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  const push = (text: string): void => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) onLine(line.endsWith('\r') ? line.slice(0, -1) : line);
    for (; rest.length > MAX_LINE_CHARS; rest = rest.slice(MAX_LINE_CHARS))
      onLine(rest.slice(0, MAX_LINE_CHARS));
  };
  stream.on('data', (chunk: Buffer) => push(decoder.write(chunk)));
  stream.once('end', () => {
    push(decoder.end());
    if (rest !== '') onLine(rest);
  });
  // A pipe that breaks ends with its process, which is told elsewhere.
  stream.on('error', () => {});
}

/** The last lines of a stream, without empty ones. */
export class LastLines {
  readonly #lines: string[] = [];

  add(line: string): void {
    if (line === '') return;
    this.#lines.push(line.length > MAX_KEPT_CHARS ? `${line.slice(0, MAX_KEPT_CHARS)}…` : line);
    if (this.#lines.length > KEPT_COUNT) this.#lines.shift();
  }

  get(): string[] {
    return [...this.#lines];
  }
}

const MAX_LINE_CHARS = 65_536;
const MAX_KEPT_CHARS = 1_000;
const KEPT_COUNT = 20;
