// The last lines that a process wrote to its standard error, for the message that says why it ended.
import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import { stripVTControlCharacters } from 'node:util';

export class LastWords {
  readonly #decoder = new StringDecoder('utf8');
  #text = '';

  push(chunk: Buffer | string): void {
    const text = typeof chunk === 'string' ? chunk : this.#decoder.write(chunk.subarray(-KEPT_CHARACTERS));
    this.#text = text.length >= KEPT_CHARACTERS ? text : (this.#text + text).slice(-KEPT_CHARACTERS);
  }

  /** In one line, fit for a terminal; undefined where nothing was written but frames of stacks. */
  get text(): string | undefined {
    const lines = stripVTControlCharacters(this.#text)
      .split('\n')
      .map((line) => line.replaceAll(/[\s\p{Cc}\p{Cf}]+/gu, ' ').trim())
      .filter((line) => line !== '' && !FRAME.test(line));
    const text = lines.slice(-LINE_COUNT).join(' | ');
    return text === '' ? undefined : text.slice(-MESSAGE_CHARACTERS);
  }
}

/** Calls back when all that a process wrote has been read, or its standard error stays open: something else has it. */
export function afterWords(stderr: Readable, callback: () => void): void {
  if (stderr.closed) return callback();
  const end = (): void => {
    clearTimeout(limit);
    stderr.removeListener('close', end);
    callback();
  };
  const limit = setTimeout(end, OPEN_LIMIT_MS);
  stderr.once('close', end);
}

/** Of a stack, and what frames it: JavaScript's, and that which Node prints where it aborts. */
const FRAME = /^(at .+|\d+: 0x.+|-{3,}.*-{3,}|\[\d+:0x.*|<---.*--->)$/;
const KEPT_CHARACTERS = 8192;
const MESSAGE_CHARACTERS = 500;
const LINE_COUNT = 3;
/** How long standard error may stay open behind the end of its process, ms. */
const OPEN_LIMIT_MS = 1000;
