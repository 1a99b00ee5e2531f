// Where the standard output and error of a site's workers go: to files, line by line. A worker waits where it prints more
// than can be written, and never for a file that can't be written.
import type { Readable } from 'node:stream';
import type { SiteStatus } from '@vhostd/protocol';
import type { ReadingShare } from '@vhostd/transport';
import { Deferred } from '@vhostd/transport';
import { foreignUserOf } from '../conf/foreign-user.js';
import type { LogRotation, SiteConf } from '../conf/site-conf.js';
import type { SiteUser } from '../node/site-file.js';
import type { LogFile, LogFileStats } from './log-file.js';
import { LogFiles } from './log-files.js';
import { AccessLogRotation } from './access-log-rotation.js';
import { jsonLines, stampedLines } from './default-log.js';
import type { LineOrigin, LogStream } from './default-log.js';
import { OutputReader } from './output-reader.js';
import type { LineTaker } from './output-reader.js';
import type { LogSink, SiteOutput } from './site-output.js';

/** Options of {@link SiteLogs}. Paths are relative to the working directory. */
export interface SiteLogsOptions {
  siteId: string;
  /** File for standard output. */
  logOutput?: string | undefined;
  /** File for standard error. */
  logError?: string | undefined;
  /** File for both. */
  logAll?: string | undefined;
  /** Form of a line in these files. Default: as it was printed. */
  logFormat?: SiteConf['logFormat'] | undefined;
  /** Bounds of these files and of the default log. Absent: others rotate these, and that has bounds of its own. */
  logRotate?: LogRotation | undefined;
  /** File that the site's workers write; it is only rotated here. */
  accessLog?: string | undefined;
  /** Whom the site's workers run as, where that is another user than this process's. */
  user?: SiteUser | undefined;
  /** What gets a stream that has no file. Absent: its lines are discarded. */
  output?: SiteOutput | undefined;
  /** A longer line is cut into several. Default 65 536. */
  maxLineBytes?: number;
  /** Default: the files of this process, shared with all other sites. */
  files?: LogFiles;
}

/** What is read from a worker. */
export interface PrintingWorker {
  readonly stdout: Readable | null;
  readonly stderr: Readable | null;
  readonly identity: { readonly workerId: string };
}

/**
 * The logs of one site, for all of its workers, of every generation.
 *
 * Lines of several workers never mix within a line. A worker that prints faster than its lines can be written, or more
 * than its site's share of this process's time, waits for its turn. When a file can't be written at all, no worker waits
 * for it: lines are lost and counted.
 */
export class SiteLogs {
  readonly #siteId: string;
  readonly #maxLineBytes: number;
  readonly #files: LogFiles;
  readonly #opened: LogFile[];
  #sinks: Record<LogStream, readonly LogSink[]>;
  readonly #accessLog: AccessLogRotation | undefined;
  #attachedCount = 0;
  #retired = false;
  #closing: Promise<void> | undefined;
  /** Resolves when no worker is attached any more. */
  #unused: Deferred<void> | undefined;

  constructor(options: SiteLogsOptions) {
    const { siteId, logOutput, logError, logAll, user, output, maxLineBytes = 65_536 } = options;
    const { logFormat = 'plain', logRotate: rotation, accessLog } = options;
    // Whoever may change the directories of these files would say what is renamed and removed with the master's rights.
    const bounds = user === undefined && rotation !== undefined ? { rotation } : {};
    const { files = LogFiles.shared } = options;
    this.#siteId = siteId;
    this.#maxLineBytes = maxLineBytes;
    this.#files = files;
    const open = (stream: LogStream, own: string | undefined): LogSink[] => {
      const paths = [own, logAll].filter((path) => path !== undefined);
      const named = paths.map((path) => ({
        file: files.open(path, { user, ...bounds }),
        shape: SHAPES[logFormat],
      }));
      return [
        ...named,
        ...(output?.open(files, siteId, stream, { named: named.length > 0, rotation }) ?? []),
      ];
    };
    const sinks = { stdout: open('stdout', logOutput), stderr: open('stderr', logError) };
    this.#opened = [...sinks.stdout, ...sinks.stderr].map(({ file }) => file);
    this.#sinks = { stdout: once(sinks.stdout), stderr: once(sinks.stderr) };
    if (accessLog !== undefined && bounds.rotation !== undefined) {
      this.#accessLog = new AccessLogRotation(accessLog, bounds.rotation);
    }
  }

  /** What was written of the lines, is lost or waits, a file each. */
  get stats(): (LogFileStats & { path: string })[] {
    return Array.from(new Set(this.#opened), (file) => ({ path: file.path, ...file.stats }));
  }

  /** Its files, and what goes there. */
  get named(): NonNullable<SiteStatus['logs']> {
    const files = new Set(this.#opened.filter(({ isFile }) => isFile));
    return Array.from(files, (file) => ({
      file: file.path,
      streams: STREAMS.filter((stream) => this.#sinks[stream].some((sink) => sink.file === file)),
    }));
  }

  /** Why a file cannot be written at present, in words. */
  get trouble(): string | undefined {
    const file = this.#opened.find(({ stats }) => stats.reason !== null);
    return file && `its log can't be written: ${file.stats.reason}`;
  }

  /** Reads a worker's streams until they end, no faster than what it prints can be written. */
  attach(worker: PrintingWorker, share?: ReadingShare): void {
    const { workerId } = worker.identity;
    for (const stream of STREAMS) {
      this.#read(worker[stream], { siteId: this.#siteId, workerId, stream }, share);
    }
  }

  /** Empties the files, and resolves with their paths. */
  async flush(): Promise<string[]> {
    const files = [...new Set(this.#opened.filter(({ isFile }) => isFile))];
    await Promise.all(files.map((file) => file.empty()));
    return files.map((file) => file.path);
  }

  /** Reopens the files: after log rotation. */
  reopen(): void {
    for (const file of this.#opened) file.reopen();
  }

  /**
   * Closes the files that no other site uses, flushed within a limit, once all is read that workers which have ended had
   * printed. Workers that still run are read from on, and what they write is discarded. May be called more than once.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** Closes the files as soon as the last attached worker has ended its streams: another object follows this one. */
  retire(): void {
    this.#retired = true;
    this.#lookIfUnused();
  }

  #read(readable: Readable | null, origin: LineOrigin, share: ReadingShare | undefined): void {
    if (readable === null) return;
    const taker: LineTaker = {
      take: (lines) => this.#take(origin, lines),
      rooms: () => this.#rooms(origin.stream),
    };
    const reader = new OutputReader(readable, taker, this.#maxLineBytes, share);
    this.#attachedCount++;
    // A stream that fails ends here like one that ends; unheard, the error would end the process.
    readable.on('error', () => {});
    readable.once('close', () => {
      reader.end();
      this.#attachedCount--;
      this.#lookIfUnused();
    });
  }

  /** Of each file that has as much to write as it should. */
  #rooms(stream: LogStream): Promise<void>[] {
    return this.#sinks[stream].map(({ file }) => file.room).filter((room) => room !== undefined);
  }

  #take(origin: LineOrigin, lines: Buffer): number {
    let bytes = 0;
    for (const { file, shape } of this.#sinks[origin.stream]) {
      const shaped = shape(lines, origin);
      bytes += shaped.length;
      file.writePaced(shaped);
    }
    return bytes;
  }

  #lookIfUnused(): void {
    if (this.#attachedCount > 0) return;
    this.#unused?.resolve();
    if (this.#retired) void this.close();
  }

  async #close(): Promise<void> {
    this.#accessLog?.close();
    if (this.#attachedCount > 0) {
      const unused = new Deferred<void>();
      this.#unused = unused;
      const limit = setTimeout(() => unused.resolve(), LAST_OUTPUT_MS);
      await unused.promise;
      clearTimeout(limit);
    }
    this.#sinks = { stdout: [], stderr: [] };
    await Promise.all(this.#opened.map((file) => this.#files.release(file)));
  }
}

/** A file that several fields name gets each line once. */
function once(sinks: readonly LogSink[]): LogSink[] {
  return sinks.filter(({ file }, index) => sinks.findIndex((other) => other.file === file) === index);
}

/** Of a line in a file that the conf names. */
const SHAPES = {
  plain: (lines: Buffer): Buffer => lines,
  prefix: (lines: Buffer, origin: LineOrigin): Buffer => stampedLines(lines, origin, Date.now()),
  json: (lines: Buffer, origin: LineOrigin): Buffer => jsonLines(lines, origin, Date.now()),
};

const STREAMS = ['stdout', 'stderr'] as const;
/** How long what ended workers have printed is waited for, ms: something else may hold their output open. */
const LAST_OUTPUT_MS = 1000;

/** What a conf says of a site's logs. */
export function logFilesOf(conf: SiteConf): SiteLogsOptions {
  const { siteId, logOutput, logError, logAll, logFormat, logRotate, accessLog } = conf;
  const user = foreignUserOf(conf.runAs);
  return { siteId, logOutput, logError, logAll, logFormat, logRotate, accessLog, user };
}
