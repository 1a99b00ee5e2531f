// All log files of the process by path, so that a path that several sites name is one file with one queue.
import path from 'node:path';
import { LogFile } from './log-file.js';
import type { LogFileOptions, LogFileStats } from './log-file.js';

/** The open log files, each counted by who uses it. */
export class LogFiles {
  /** The one of this process: what its files hold back is written when the process exits. */
  static readonly shared: LogFiles = new LogFiles();
  /** Told when a file begins not to be writable. */
  onFault: (file: string, code: string) => void = () => undefined;
  readonly #users = new Map<string, { file: LogFile; count: number }>();
  readonly #keys = new WeakMap<LogFile, string>();

  /**
   * Gives the file of a path, opened with `options` if nobody has it open yet for the same user. {@link release} it as
   * often.
   */
  open(file: string, options?: LogFileOptions): LogFile {
    const absolute = options?.source === undefined ? path.resolve(file) : file;
    const { uid, gid } = options?.user ?? {};
    const key = [absolute, uid, gid].join('\0');
    const known = this.#users.get(key);
    if (known !== undefined) {
      known.count++;
      return known.file;
    }
    if (this === LogFiles.shared) flushAtExit();
    const opened = new LogFile(absolute, { ...options, onFault: (code) => this.onFault(absolute, code) });
    this.#users.set(key, { file: opened, count: 1 });
    this.#keys.set(opened, key);
    return opened;
  }

  /** Closes the file with its last user; resolves when it is flushed and closed, for the others at once. */
  async release(file: LogFile): Promise<void> {
    const key = this.#keys.get(file) ?? '';
    const known = this.#users.get(key);
    if (known?.file !== file) return;
    known.count--;
    if (known.count > 0) return;
    this.#users.delete(key);
    await file.close();
  }

  /** Reopens every file: after log rotation. */
  reopen(): void {
    for (const { file } of this.#users.values()) file.reopen();
  }

  /** See {@link LogFile.flushSync}. */
  flushSync(): void {
    for (const { file } of this.#users.values()) file.flushSync();
  }

  stats(): (LogFileStats & { path: string })[] {
    return Array.from(this.#users.values(), ({ file }) => ({ path: file.path, ...file.stats }));
  }
}

let flushesAtExit = false;

function flushAtExit(): void {
  if (flushesAtExit) return;
  flushesAtExit = true;
  process.on('exit', () => LogFiles.shared.flushSync());
}
