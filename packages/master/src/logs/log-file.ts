// One log file that only ever grows. No trouble with the disk stops or fails whoever writes to it: what can't be
// written waits within bounds, then is lost and counted.
import { closeSync, writeSync } from 'node:fs';
import { isAbsolute } from 'node:path';
import { realOs } from '@vhostd/supervisor';
import type { Os, OsTimer } from '@vhostd/supervisor';
import { Deferred } from '@vhostd/transport';
import type { SiteUser } from '../node/site-file.js';
import { LineQueue } from './line-queue.js';
import type { Loss } from './line-queue.js';
import { LogExtent } from './log-extent.js';
import type { LogRotation } from '../conf/site-conf.js';
import { fileSource, siteFileSource } from './log-target.js';
import type { LogSource, LogTarget } from './log-target.js';

/** Options of {@link LogFile}. */
export interface LogFileOptions {
  /** Bytes that may wait to be written; beyond it lines are lost. Default 1 048 576. */
  maxQueueBytes?: number;
  /** Wait after a failure, in ms, doubled with each further one up to the last. Default [100, 5000]. */
  retryMs?: readonly [first: number, last: number];
  /** While it is written to, how often to look whether the file was deleted, in ms. Default 1000. */
  deletedCheckMs?: number;
  /** Mode of a file that is created. Default 0o640, less the umask. */
  mode?: number;
  /** Mode of directories that are created. Default 0o777, less the umask. */
  directoryMode?: number;
  /** Default: the file grows without a bound, and others rotate it. */
  rotation?: LogRotation;
  /** The user of the site whose file it is, where that is another one than this process's. */
  user?: SiteUser | undefined;
  /** What is written to instead of a file at the path, which is then only a name. */
  source?: LogSource;
  /** The line, with its newline, that tells what was lost. */
  notice?: (loss: Loss) => string;
  /** Told when writing begins to fail, at most once a minute. */
  onFault?: (fault: string) => void;
  os?: Pick<Os, 'now' | 'setTimer'>;
}

/** How much of all that was given to a log file is written, lost, or waits. */
export interface LogFileStats {
  writtenBytes: number;
  lostBytes: number;
  lostLines: number;
  /** Bytes that wait. */
  queuedBytes: number;
  /** Why nothing can be written at present, for instance `ENOSPC`; null if all is well. */
  fault: string | null;
  /** {@link LogFileStats.fault} in words. */
  reason: string | null;
}

/**
 * Appends whole lines to a file, which is created with the directories above it.
 *
 * A full disk, a missing directory or an I/O error is tried again for as long as the file is open; when it works
 * again, the lines that waited are written and one more that says how many were lost. A file that was deleted is
 * created anew; one that was renamed is written on until {@link LogFile.reopen}, as log rotation wants it.
 */
export class LogFile {
  readonly path: string;
  readonly #queue: LineQueue;
  readonly #options: Required<Omit<LogFileOptions, 'rotation' | 'user'>>;
  /** Absent: the file grows without a bound. */
  readonly #extent: LogExtent | undefined;
  /** Resolves when so little waits that more may come. */
  #room: Deferred<void> | undefined;
  #target: LogTarget | undefined;
  #writtenBytes = 0;
  #inFlightBytes = 0;
  #inFlightSince = 0;
  /** Since when a pipe has taken nothing. */
  #busySince: number | undefined;
  #fault: string | null = null;
  #faultToldAt = -Infinity;
  #reason: string | null = null;
  #retryMs: number;
  #checkedAt = 0;
  #reopenWanted = false;
  /** Resolves when the file has been emptied. */
  #emptied: Deferred<void> | undefined;
  #running = false;
  #closed = false;
  #abandoned = false;
  #pump: Promise<void> | undefined;
  #closing: Promise<void> | undefined;
  #endPause: (() => void) | undefined;

  /** Begins to open the file. Never throws for what the file system says. */
  constructor(path: string, { rotation, user, ...options }: LogFileOptions = {}) {
    const { mode = 0o640, directoryMode = 0o777 } = options;
    const modes = { mode, directoryMode };
    this.path = path;
    this.#options = {
      maxQueueBytes: 1_048_576,
      retryMs: [100, 5_000],
      deletedCheckMs: 1_000,
      mode,
      directoryMode,
      source: user === undefined ? fileSource(path, modes) : siteFileSource(path, mode, user),
      notice: noticeOf,
      onFault: () => undefined,
      os: realOs,
      ...options,
    };
    this.#retryMs = this.#options.retryMs[0];
    this.#queue = new LineQueue(this.#options.maxQueueBytes, this.#options.notice);
    const { os } = this.#options;
    this.#extent = rotation && new LogExtent(path, rotation, os, () => this.#start());
    this.#start();
  }

  /** Whether its path is one. */
  get isFile(): boolean {
    return isAbsolute(this.path);
  }

  get stats(): LogFileStats {
    return {
      writtenBytes: this.#writtenBytes,
      lostBytes: this.#queue.lost.bytes,
      lostLines: this.#queue.lost.lines,
      queuedBytes: this.#queue.bytes,
      fault: this.#fault,
      reason: this.#reason,
    };
  }

  /** Appends whole lines, each ended by a newline. False if they are lost: too much waits, or it is closed. */
  write(lines: string | Buffer): boolean {
    const bytes = typeof lines === 'string' ? Buffer.from(lines) : lines;
    if (this.#closed) {
      this.#queue.lose(bytes);
      return false;
    }
    const taken = this.#queue.push(bytes);
    this.#start();
    return taken;
  }

  /**
   * {@link write} for one who writes on when {@link room} says so: while the file can be written, nothing is lost,
   * however much waits.
   */
  writePaced(lines: Buffer): void {
    if (this.#isStuck) return void this.write(lines);
    this.#queue.push(lines, Infinity);
    this.#start();
  }

  /** Undefined while there is room for more; else resolves when there is, or when it is in vain to wait. */
  get room(): Promise<void> | undefined {
    if (this.#isStuck || this.#queue.bytes < this.#options.maxQueueBytes / 2) return undefined;
    if (this.#room === undefined) {
      this.#room = new Deferred<void>();
      this.#watchProgress(this.#room);
    }
    return this.#room.promise;
  }

  /** Goes on in the file that has the path now, creating it if it was renamed or removed. */
  reopen(): void {
    if (this.#closed) return;
    this.#reopenWanted = true;
    this.#endPause?.();
    this.#start();
  }

  /** Empties the file, and removes those that it was rotated to. Resolves when that is done, or the file is closed. */
  empty(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    this.#emptied ??= new Deferred<void>();
    const { promise } = this.#emptied;
    this.#endPause?.();
    this.#start();
    return promise;
  }

  /**
   * Writes what waits, for at most `limitMs` (default 2000) and not again after a failure, and closes the file. What
   * could not be written counts as lost. Never rejects.
   */
  close(limitMs = 2_000): Promise<void> {
    this.#closed = true;
    this.#extent?.close();
    this.#letGo();
    this.#endPause?.();
    this.#closing ??= this.#close(limitMs);
    return this.#closing;
  }

  /**
   * Writes what waits before it returns, as far as that is possible: for a process that exits or may be about to.
   * Never throws.
   */
  flushSync(): void {
    // A write that hangs, on a pipe that nobody reads, would hang here as well.
    if (this.#abandoned || this.#hangs) return;
    const rest = this.#queue.takeBehind(this.#inFlightBytes);
    let done = 0;
    let opened: number | undefined;
    try {
      const fd = this.#target?.fd ?? (opened = this.#options.source.openSync());
      while (done < rest.length) done += writeSync(fd, rest, done);
    } catch {
      this.#queue.putBack(rest.subarray(done));
    }
    this.#writtenBytes += done;
    if (opened !== undefined && opened > 2) closeSync(opened);
  }

  /** Nothing that waits is likely to be written soon. */
  get #isStuck(): boolean {
    return this.#closed || this.#fault !== null || this.#hangs;
  }

  get #hangs(): boolean {
    return this.#inFlightBytes > 0 && this.#options.os.now() - this.#inFlightSince > HANGING_MS;
  }

  /** Those who wait are let go where a write hangs, too. */
  #watchProgress(room: Deferred<void>): void {
    this.#options.os.setTimer(
      () => {
        if (this.#room !== room) return;
        if (this.#isStuck) this.#letGo();
        else this.#watchProgress(room);
      },
      HANGING_MS,
      { ref: false },
    );
  }

  #letGo(): void {
    this.#room?.resolve();
    this.#room = undefined;
  }

  #start(): void {
    if (this.#running || !this.#hasWork()) return;
    this.#running = true;
    this.#pump = this.#run();
  }

  /** Runs while there is something to do. One at a time, so that lines keep their order. */
  async #run(): Promise<void> {
    for (let triedToClose = false; this.#hasWork();) {
      if (this.#closed) {
        if (triedToClose && this.#fault !== null) break;
        triedToClose = true;
      }
      try {
        await this.#step();
        this.#busySince = undefined;
        this.#fault = null;
        this.#reason = null;
        this.#retryMs = this.#options.retryMs[0];
      } catch (error) {
        if (this.#isBusy(error)) {
          await this.#pause(BUSY_RETRY_MS);
          continue;
        }
        this.#reason = error instanceof Error ? error.message : String(error);
        this.#onFault(error instanceof Error && 'code' in error ? String(error.code) : String(error));
        if (!this.#closed) await this.#pauseBeforeRetry();
      }
    }
    this.#running = false;
  }

  #onFault(fault: string): void {
    const { os, onFault } = this.#options;
    const isNew = this.#fault === null && os.now() - this.#faultToldAt > FAULT_EACH_MS;
    this.#fault = fault;
    this.#letGo();
    if (!isNew) return;
    this.#faultToldAt = os.now();
    onFault(fault);
  }

  #hasWork(): boolean {
    if (this.#abandoned) return false;
    return (
      this.#queue.bytes > 0 ||
      (!this.#closed &&
        (this.#target === undefined ||
          this.#reopenWanted ||
          this.#emptied !== undefined ||
          this.#extent?.overdue === true))
    );
  }

  async #step(): Promise<void> {
    const deleted = await this.#isDeleted();
    if (deleted || this.#reopenWanted) await this.#leaveTarget();
    if (this.#target === undefined) {
      // Nothing is written yet: a reopen meanwhile means another file.
      this.#target = await this.#options.source.open();
      await this.#extent?.measure(this.#target);
      return;
    }
    if (this.#emptied !== undefined) return await this.#empty(this.#target, this.#emptied);
    const full = await this.#isFull(this.#target);
    if (this.#extent !== undefined) this.#extent.overdue = false;
    if (full) return;
    // What was written behind a reopen belongs into the other file.
    if (this.#reopenWanted) return;
    await this.#writeBatch(this.#target);
    if (this.#queue.bytes === 0) this.#queue.reportLoss();
  }

  async #empty(target: LogTarget, emptied: Deferred<void>): Promise<void> {
    await target.empty();
    await this.#extent?.empty();
    this.#emptied = undefined;
    emptied.resolve();
  }

  /** Whether the next bytes belong into another file, which is made room for. */
  async #isFull(target: LogTarget): Promise<boolean> {
    if (this.#extent?.isFull(this.#queue.peek()?.length ?? 0) !== true) return false;
    await this.#extent.makeRoom(target);
    await this.#leaveTarget();
    return true;
  }

  async #writeBatch(target: LogTarget): Promise<void> {
    const batch = this.#queue.peek();
    if (batch === undefined) return;
    this.#inFlightBytes = batch.length;
    this.#inFlightSince = this.#options.os.now();
    try {
      const bytes = await target.write(batch);
      if (this.#abandoned) return;
      this.#writtenBytes += bytes;
      this.#extent?.grow(bytes);
      this.#queue.advance(bytes);
      if (this.#queue.bytes < this.#options.maxQueueBytes / 4) this.#letGo();
    } finally {
      this.#inFlightBytes = 0;
    }
  }

  async #isDeleted(): Promise<boolean> {
    const now = this.#options.os.now();
    if (this.#target === undefined || now - this.#checkedAt < this.#options.deletedCheckMs) return false;
    this.#checkedAt = now;
    return this.#target.isDeleted();
  }

  async #leaveTarget(): Promise<void> {
    const target = this.#target;
    this.#reopenWanted = false;
    this.#target = undefined;
    if (target === undefined) return;
    // A line that was begun there ends there, or not at all.
    if (this.#queue.midLine) await this.#writeBatch(target).catch(() => {});
    this.#queue.loseRestOfLine();
    await target.close().catch(() => {});
  }

  /** A named pipe is full, whose reader is no slower than a file system may be. */
  #isBusy(error: unknown): boolean {
    // A file on which somebody has a lease can't be opened at once, which is for the site to know (fcntl(2), F_SETLEASE).
    if (this.#target === undefined) return false;
    if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) return false;
    const now = this.#options.os.now();
    this.#busySince ??= now;
    return now - this.#busySince <= HANGING_MS;
  }

  async #pauseBeforeRetry(): Promise<void> {
    const delayMs = this.#retryMs;
    this.#retryMs = Math.min(delayMs * 2, this.#options.retryMs[1]);
    await this.#pause(delayMs);
  }

  async #pause(delayMs: number): Promise<void> {
    let timer: OsTimer | undefined;
    await new Promise<void>((resolve) => {
      this.#endPause = resolve;
      timer = this.#options.os.setTimer(resolve, delayMs, { ref: false });
    });
    this.#endPause = undefined;
    timer?.cancel();
  }

  async #close(limitMs: number): Promise<void> {
    let timer: OsTimer | undefined;
    const limit = new Promise<void>((resolve) => {
      timer = this.#options.os.setTimer(resolve, limitMs, { ref: true });
    });
    this.#start();
    await Promise.race([this.#pump, limit]);
    timer?.cancel();
    // Past the limit a call to the file system still hangs; neither it nor the closing is waited for then.
    const hangs = this.#running;
    this.#abandoned = true;
    this.#emptied?.resolve();
    this.#queue.loseAll();
    const closed = this.#target?.close().catch(() => {});
    this.#target = undefined;
    if (!hangs) await closed;
  }
}

/** A write that takes longer than this is taken for one that hangs. */
const HANGING_MS = 1_000;
/** How often a full pipe is tried again, ms. */
const BUSY_RETRY_MS = 10;
/** A disk that is full again and again fills no log. */
const FAULT_EACH_MS = 60_000;

function noticeOf({ bytes, lines }: Loss): string {
  return `vhostd: ${lines} lines (${bytes} bytes) were lost here, because this log could not be written\n`;
}
