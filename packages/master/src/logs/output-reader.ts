// Reads one stream of a worker, no faster than what it prints can be written, nor than its site's share of this process's
// time allows.
import type { Readable } from 'node:stream';
import { setImmediate as nextTurn, setTimeout as delay } from 'node:timers/promises';
import type { ReadingShare } from '@vhostd/transport';
import { TURN_LIMIT_MS } from '@vhostd/transport';
import { LineCutter } from './line-cutter.js';
import { giveRoom, takeRoom } from './rooms.js';

/** Where lines go. */
export interface LineTaker {
  /** Takes whole lines, which are to be read at once. Returns how many bytes are to be written of them, to all files. */
  take(lines: Buffer): number;
  /** Of each place that has as much to write as it should: resolves when it has less. */
  rooms(): Promise<void>[];
}

/** How far it has come. */
interface Written {
  rest: Buffer;
  /** Time of this turn. */
  readonly usedMs: number;
  /** Over when it may go on; absent: it may. */
  readonly wait: Promise<unknown> | undefined;
}

export class OutputReader {
  readonly #readable: Readable;
  readonly #cutter: LineCutter;
  readonly #taker: LineTaker;
  readonly #share: ReadingShare | undefined;
  /** What has been read and is not written yet, of memory that is this reader's own. */
  #rest: Buffer = NOTHING;
  #room: Buffer | undefined;
  /** Up to when its work is paid for. */
  #chargedMs = 0;
  /** What is to be written and not paid for yet. */
  #owedBytes = 0;

  /** @param maxLineBytes a longer line is cut into several. */
  constructor(readable: Readable, taker: LineTaker, maxLineBytes: number, share: ReadingShare | undefined) {
    this.#readable = readable;
    this.#cutter = new LineCutter(maxLineBytes);
    this.#taker = taker;
    this.#share = share;
    readable.on('data', (chunk: Buffer | string) => this.#onData(chunk));
  }

  /** The stream has ended: whatever is left is written. */
  end(): void {
    if (this.#rest.length > 0) this.#taker.take(this.#rest);
    this.#cutter.end((last) => this.#taker.take(last));
    this.#done();
  }

  #onData(chunk: Buffer | string): void {
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
    // Something else has it read on.
    if (this.#rest.length > 0) return this.#cutter.push(bytes, (lines) => this.#keep(lines));
    this.#chargedMs = performance.now();
    this.#share?.watch?.begin();
    let written: Written = { rest: NOTHING, usedMs: 0, wait: undefined };
    this.#cutter.push(bytes, (lines) => {
      if (written.wait === undefined) written = this.#write(lines, written.usedMs);
      else written.rest = lines;
      this.#keep(written.rest);
    });
    this.#share?.watch?.end();
    const { wait } = written.wait === undefined ? this.#charge(written.usedMs) : written;
    if (wait !== undefined) this.#pause(wait);
  }

  /** Writes whole lines, as many as there is time and room for in this turn, of which so much is used. */
  #write(lines: Buffer, usedBeforeMs: number): Written {
    let [rest, usedMs] = [lines, usedBeforeMs];
    while (rest.length > 0) {
      const end = endOfPart(rest);
      this.#owedBytes += this.#taker.take(rest.subarray(0, end));
      rest = rest.subarray(end);
      const charged = this.#charge(usedMs);
      if (charged.wait !== undefined) return { ...charged, rest };
      usedMs = charged.usedMs;
    }
    return { rest, usedMs, wait: undefined };
  }

  /** Pays for what was done since it was paid last; `wait` is over when it may go on. */
  #charge(usedBeforeMs: number): Omit<Written, 'rest'> {
    const endMs = performance.now();
    const workMs = endMs - this.#chargedMs;
    this.#chargedMs = endMs;
    const usedMs = usedBeforeMs + workMs;
    const pauseMs = this.#share?.charge(workMs + this.#owedBytes / WRITTEN_BYTES_PER_MS, endMs) ?? 0;
    this.#owedBytes = 0;
    const rooms = this.#taker.rooms();
    if (pauseMs === 0 && rooms.length === 0 && usedMs < TURN_LIMIT_MS) return { usedMs, wait: undefined };
    const turn = pauseMs === 0 ? nextTurn() : delay(pauseMs);
    return { usedMs, wait: Promise.all([turn, ...rooms]) };
  }

  #pause(wait: Promise<unknown>): void {
    this.#readable.pause();
    void wait.then(() => {
      this.#chargedMs = performance.now();
      this.#share?.watch?.begin();
      const { rest, wait: next } = this.#write(this.#rest, 0);
      this.#share?.watch?.end();
      this.#rest = rest;
      if (next !== undefined) return this.#pause(next);
      this.#done();
      this.#readable.resume();
    });
  }

  /** Adds a copy to what is to be written. */
  #keep(lines: Buffer): void {
    if (lines.length === 0) return;
    const [rest, room] = [this.#rest, this.#room];
    const bytes = rest.length + lines.length;
    const larger = takeRoom(bytes);
    rest.copy(larger);
    lines.copy(larger, rest.length);
    if (room !== undefined) giveRoom(room);
    this.#room = larger;
    this.#rest = larger.subarray(0, bytes);
  }

  #done(): void {
    if (this.#room !== undefined) giveRoom(this.#room);
    this.#room = undefined;
    this.#rest = NOTHING;
  }
}

/**
 * How many bytes of whole lines are written at a time. What is put before each line may be forty times as long as the line:
 * all of a read at once would be megabytes.
 */
function endOfPart(lines: Buffer): number {
  let end = 0;
  for (let count = 0; count < PART_MAX_LINES; count += 1) {
    const next = lines.indexOf(NEWLINE, end) + 1;
    // Whole lines end with one.
    if (next === 0) return lines.length;
    if (end > 0 && next > PART_MAX_BYTES) break;
    end = next;
  }
  return end;
}

/**
 * How many bytes are written to a file in a millisecond of CPU time. Threads of libuv do that, of which nobody tells for
 * whom: 64 KiB took 27 to 31 µs on an idle machine (Node 20, 26; Linux 6.18), with what stands around a write, and before it, some more.
 */
const WRITTEN_BYTES_PER_MS = 400_000;
const NEWLINE = 0x0a;
const NOTHING: Buffer = Buffer.alloc(0);
const PART_MAX_BYTES = 16_384;
const PART_MAX_LINES = 400;
