// The lines of one log file of a site, by what is known of each.
import { parseJsonLine, parseStampedLine } from '@vhostd/master/default-log';
import type { LogStream } from '@vhostd/master/default-log';
import { LogTail } from './log-tail.js';

/** One line that a worker has printed. */
export interface LogEntry {
  readonly siteId: string;
  readonly line: string;
  /** ISO 8601, UTC; known in a default log, as are the others. */
  readonly time?: string;
  readonly workerId?: string;
  /** Also known where a file has one of them only. */
  readonly stream?: LogStream;
}

/** A log file of a site. */
export interface LogSource {
  readonly siteId: string;
  readonly file: string;
  /** What goes there. */
  readonly streams: readonly LogStream[];
}

/** Which lines are wanted. */
export interface LogFilter {
  /** Only those of standard error. */
  readonly err: boolean;
  readonly grep?: RegExp | undefined;
  /** Only those that are not older; lines whose time is not known are left out. */
  readonly since?: string | undefined;
}

export class SiteLog {
  readonly source: LogSource;
  readonly #filter: LogFilter;
  readonly #tail: LogTail;

  /** @throws {Error} the system's, where the file can't be read. */
  constructor(source: LogSource, filter: LogFilter) {
    this.source = source;
    this.#filter = filter;
    this.#tail = new LogTail(source.file);
  }

  /** The last entries that are wanted, up to so many, the oldest first. */
  last(count: number): LogEntry[] {
    const entries: LogEntry[] = [];
    const { since } = this.#filter;
    for (const line of this.#tail.back()) {
      if (entries.length >= count) break;
      const entry = this.#entryOf(line);
      if (since !== undefined && entry.time !== undefined && entry.time < since) break;
      if (this.#isWanted(entry)) entries.push(entry);
    }
    return entries.toReversed();
  }

  /** Those that have come since. */
  more(): LogEntry[] {
    return this.#tail
      .more()
      .map((line) => this.#entryOf(line))
      .filter((entry) => this.#isWanted(entry));
  }

  close(): void {
    this.#tail.close();
  }

  #entryOf(line: string): LogEntry {
    const { siteId, streams } = this.source;
    const stamped = parseStampedLine(line) ?? parseJsonLine(line);
    if (stamped !== undefined) {
      const { text, ...known } = stamped;
      return { siteId, line: text, ...known };
    }
    const [only, other] = streams;
    return { siteId, line, ...(only === undefined || other !== undefined ? {} : { stream: only }) };
  }

  #isWanted({ stream, time, line }: LogEntry): boolean {
    const { err, grep, since } = this.#filter;
    if (err && stream !== 'stderr') return false;
    if (since !== undefined && (time === undefined || time < since)) return false;
    return grep === undefined || grep.test(line);
  }
}

/** In the order of their times; one without a time stays behind the one that it followed. */
export function inOrder(logs: readonly (readonly LogEntry[])[]): LogEntry[] {
  const timed = logs.flatMap((entries) => {
    let time = '';
    return entries.map((entry) => ({ entry, time: (time = entry.time ?? time) }));
  });
  return timed
    .toSorted((one, other) => (one.time < other.time ? -1 : Number(one.time > other.time)))
    .map(({ entry }) => entry);
}
