// Where the standard output and error of a site's workers go: to files, line by line, or to nowhere, but never to a
// full pipe on which a worker would block.
import type { Readable } from 'node:stream';
import type { ReadingShare } from '@vhostd/transport';
import { TURN_LIMIT_MS } from '@vhostd/transport';
import { foreignUserOf } from '../conf/foreign-user.js';
import type { SiteConf } from '../conf/site-conf.js';
import type { SiteUser } from '../node/site-file.js';
import { LineCutter } from './line-cutter.js';
import type { LogFile, LogFileStats } from './log-file.js';
import { LogFiles } from './log-files.js';

/** Which of a worker's streams. */
export type LogStream = 'stdout' | 'stderr';

/** Options of {@link SiteLogs}. Paths are relative to the working directory. */
export interface SiteLogsOptions {
  /** File for standard output. */
  logOutput?: string | undefined;
  /** File for standard error. */
  logError?: string | undefined;
  /** File for both. */
  logAll?: string | undefined;
  /** Whom the site's workers run as, where that is another user than this process's. */
  user?: SiteUser | undefined;
  /** Gets each line, without its newline, of a stream that has no file. Default: such lines are discarded. */
  onLine?: (stream: LogStream, line: string) => void;
  /** A longer line is cut into several. Default 65 536. */
  maxLineBytes?: number;
  /** Default: the files of this process, shared with all other sites. */
  files?: LogFiles;
}

/**
 * The logs of one site, for all of its workers, of every generation.
 *
 * Lines of several workers never mix within a line. When a file can't be written, lines are lost and counted, and no
 * worker waits for it; one that prints more than its site's share of this process's time waits for its turn.
 */
export class SiteLogs {
  readonly #options: Required<Pick<SiteLogsOptions, 'maxLineBytes' | 'files'>>;
  readonly #onLine: ((stream: LogStream, line: string) => void) | undefined;
  readonly #opened: LogFile[];
  #targets: Record<LogStream, readonly LogFile[]>;
  #attachedCount = 0;
  #retired = false;
  #closing: Promise<void> | undefined;

  constructor(options: SiteLogsOptions = {}) {
    const {
      logOutput,
      logError,
      logAll,
      user,
      onLine,
      maxLineBytes = 65_536,
      files = LogFiles.shared,
    } = options;
    this.#options = { maxLineBytes, files };
    this.#onLine = onLine;
    const [output, error, all] = [logOutput, logError, logAll].map((path) =>
      path === undefined ? [] : [files.open(path, { user })],
    );
    this.#opened = [...(output ?? []), ...(error ?? []), ...(all ?? [])];
    // A file that two fields name gets each line once.
    this.#targets = {
      stdout: [...new Set([...(output ?? []), ...(all ?? [])])],
      stderr: [...new Set([...(error ?? []), ...(all ?? [])])],
    };
  }

  /** What became of the lines, a file each. */
  get stats(): (LogFileStats & { path: string })[] {
    return Array.from(new Set(this.#opened), (file) => ({ path: file.path, ...file.stats }));
  }

  /** Why a file cannot be written at present, in words. */
  get trouble(): string | undefined {
    const file = this.#opened.find(({ stats }) => stats.reason !== null);
    return file && `its log can't be written: ${file.stats.reason}`;
  }

  /** Reads a worker's streams until they end, no faster than its share of this process's time allows. */
  attach(child: { stdout: Readable | null; stderr: Readable | null }, share?: ReadingShare): void {
    this.#read('stdout', child.stdout, share);
    this.#read('stderr', child.stderr, share);
  }

  /** Reopens the files: after log rotation. */
  reopen(): void {
    for (const file of this.#opened) file.reopen();
  }

  /**
   * Closes the files that no other site uses, flushed within a limit. Workers that still run are read from on, and
   * what they write is discarded. May be called more than once.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** Closes the files as soon as the last attached worker has ended its streams: another object follows this one. */
  retire(): void {
    this.#retired = true;
    this.#closeIfUnused();
  }

  #read(stream: LogStream, readable: Readable | null, share: ReadingShare | undefined): void {
    if (readable === null) return;
    const cutter = new LineCutter(this.#options.maxLineBytes);
    this.#attachedCount++;
    readable.on('data', (chunk: Buffer | string) => {
      const startMs = performance.now();
      this.#take(stream, cutter.push(typeof chunk === 'string' ? Buffer.from(chunk) : chunk));
      const endMs = performance.now();
      const pauseMs = share?.charge(endMs - startMs, endMs) ?? 0;
      if (pauseMs === 0 && endMs - startMs < TURN_LIMIT_MS) return;
      readable.pause();
      if (pauseMs === 0) setImmediate(() => readable.resume());
      else setTimeout(() => readable.resume(), pauseMs);
    });
    // A stream that fails ends here like one that ends; unheard, the error would end the process.
    readable.on('error', () => {});
    readable.once('close', () => {
      this.#take(stream, cutter.end());
      this.#attachedCount--;
      this.#closeIfUnused();
    });
  }

  #take(stream: LogStream, lines: Buffer | undefined): void {
    if (lines === undefined) return;
    const files = this.#targets[stream];
    for (const file of files) file.write(lines);
    if (files.length > 0 || this.#onLine === undefined) return;
    for (const line of lines.toString('utf8', 0, lines.length - 1).split('\n')) this.#onLine(stream, line);
  }

  #closeIfUnused(): void {
    if (this.#retired && this.#attachedCount === 0) void this.close();
  }

  async #close(): Promise<void> {
    this.#targets = { stdout: [], stderr: [] };
    await Promise.all(this.#opened.map((file) => this.#options.files.release(file)));
  }
}

/** What a conf says of a site's logs. */
export function logFilesOf(conf: SiteConf): SiteLogsOptions {
  const { logOutput, logError, logAll } = conf;
  return { logOutput, logError, logAll, user: foreignUserOf(conf) };
}
