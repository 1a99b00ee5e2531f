// The file of an access log. Lines are collected for a moment and appended at once, so that those of several workers do
// not mix; no trouble with the disk holds up an answer.
import { close, constants, fstat, mkdir, open, openSync, stat, write, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import type { AccessLogStats } from '@vhostd/protocol';

export class AccessFile {
  readonly #file: string;
  #lines = '';
  #lostCount = 0;
  #fd: number | undefined;
  #isWriting = false;
  #timer: NodeJS.Timeout | undefined;
  #checkedAtMs = 0;
  #allLostCount = 0;
  /** Since when a pipe has been full. */
  #busySinceMs: number | undefined;
  /** Why it cannot be written, told once for as long as it lasts. */
  #fault: string | undefined;

  constructor(file: string) {
    this.#file = file;
    process.once('exit', () => this.#flushAtExit());
  }

  /** Lines that were lost since it was made, and why it cannot be written at present. */
  get stats(): AccessLogStats {
    const fault = this.#fault;
    return { lostLines: this.#allLostCount, ...(fault === undefined ? {} : { fault }) };
  }

  /** A line, with its newline. More than 1 MiB that cannot be written is lost, and the next line says so. */
  write(line: string): void {
    if (this.#lines.length > WAITING_MAX_CHARS) {
      this.#lostCount += 1;
      this.#allLostCount += 1;
      return;
    }
    this.#lines += line;
    if (this.#timer === undefined && !this.#isWriting) this.#flushSoon(COLLECT_MS);
    if (this.#lines.length > WHOLE_CHARS) void this.#flush();
  }

  #flushSoon(delayMs: number): void {
    this.#timer = setTimeout(() => void this.#flush(), delayMs);
    this.#timer.unref();
  }

  async #flush(): Promise<void> {
    if (this.#isWriting) return;
    this.#isWriting = true;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    let delayMs = COLLECT_MS;
    let rest = Buffer.alloc(0);
    try {
      const fd = await this.#descriptor();
      rest = Buffer.from(this.#lines + this.#notice());
      this.#lines = '';
      while (rest.length > 0) {
        rest = rest.subarray((await writeBytes(fd, rest)).bytesWritten);
        this.#busySinceMs = undefined;
      }
      this.#fault = undefined;
    } catch (error) {
      this.#lines = rest.toString() + this.#lines;
      if (this.#isBusy(error)) {
        this.#isWriting = false;
        return this.#flushSoon(BUSY_RETRY_MS);
      }
      if (this.#fault === undefined) console.error(`access log: ${String(error)}`);
      this.#fault = error instanceof Error ? error.message : String(error);
      await this.#letGo();
      delayMs = RETRY_MS;
    }
    this.#isWriting = false;
    if (this.#lines !== '') this.#flushSoon(delayMs);
  }

  /** A named pipe is full, whose reader takes its time. Closed, it would be at its end for the reader. */
  #isBusy(error: unknown): boolean {
    if (this.#fd === undefined) return false;
    if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) return false;
    this.#busySinceMs ??= performance.now();
    return performance.now() - this.#busySinceMs <= BUSY_LIMIT_MS;
  }

  /** That of the file which has the name now: one that was renamed or removed is followed by a new one within a second. */
  async #descriptor(): Promise<number> {
    const nowMs = performance.now();
    if (this.#fd !== undefined && nowMs - this.#checkedAtMs > CHECK_MS) {
      this.#checkedAtMs = nowMs;
      const [own, named] = await Promise.all([statFd(this.#fd), statFile(this.#file).catch(() => undefined)]);
      if (own.ino !== named?.ino || own.dev !== named.dev) await this.#letGo();
    }
    if (this.#fd === undefined) {
      this.#fd = await this.#openFile();
      this.#checkedAtMs = nowMs;
    }
    return this.#fd;
  }

  /** The directory is made where it is missing: the permissions of a process may allow it the file alone. */
  async #openFile(): Promise<number> {
    try {
      return await openFile(this.#file, FLAGS, 0o640);
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
      await makeDirectory(path.dirname(this.#file), { recursive: true });
      return await openFile(this.#file, FLAGS, 0o640);
    }
  }

  async #letGo(): Promise<void> {
    const fd = this.#fd;
    this.#fd = undefined;
    if (fd !== undefined) await closeFile(fd).catch(() => undefined);
  }

  #notice(): string {
    const count = this.#lostCount;
    this.#lostCount = 0;
    return count === 0
      ? ''
      : `vhostd: ${count} lines were lost here, because this log could not be written\n`;
  }

  #flushAtExit(): void {
    if (this.#lines === '') return;
    try {
      writeFileSync(this.#fd ?? openSync(this.#file, FLAGS, 0o640), this.#lines + this.#notice());
    } catch {
      // Nobody is left to be told.
    }
  }
}

const openFile = promisify(open);
const closeFile = promisify(close);
const statFd = promisify(fstat);
const statFile = promisify(stat);
const writeBytes = promisify(write);
const makeDirectory = promisify(mkdir);
/** Non-blocking, so that a named pipe without a reader fails instead of holding a thread for ever. */
const FLAGS = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NONBLOCK;
/** How long lines are collected, ms. */
const COLLECT_MS = 250;
/** So many are written without waiting. */
const WHOLE_CHARS = 65_536;
const WAITING_MAX_CHARS = 1_048_576;
/** How often to look whether the name leads to the file still, ms. */
const CHECK_MS = 1000;
/** The wait after a failure, ms. */
const RETRY_MS = 1000;
/** How often a full pipe is tried again, and after which time it is taken for one that is not read, ms. */
const BUSY_RETRY_MS = 10;
const BUSY_LIMIT_MS = 1000;
