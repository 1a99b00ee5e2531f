// Watches files and tells of changes that are written whole: what `vhostd watch` restarts a program for.
import { existsSync } from 'node:fs';
import { VhostError } from '@vhostd/protocol';
import { realOs } from '@vhostd/supervisor';
import type { Os } from '@vhostd/supervisor';
import { EventEmitter } from 'eventemitter3';
import { readFileState } from './file-state.js';
import { FileTree } from './file-tree.js';
import { findWritten } from './file-writers.js';
import { Gitignore } from './gitignore.js';
import { PATIENCE_MS, Settle } from './settle.js';
import type { FileLooks } from './settle.js';
import { WatchRules } from './watch-rules.js';

/** Options of {@link FileWatcher}. */
export interface FileWatcherOptions {
  /** Paths are relative to it. Default: that of the process. */
  cwd?: string;
  /** Folders, files and globs. Default `['.']`. */
  watch?: readonly string[];
  /** Folders, files and globs that are not watched. Default none. */
  ignore?: readonly string[];
  /** Extensions without dots that count in folders; `*` means all. Default `['node', 'js']`. */
  extensions?: readonly string[];
  /** Whether what .gitignore files name is left out. Default false. */
  gitignore?: boolean;
  /** Whether symbolic links are followed. Default true. */
  followSymlinks?: boolean;
  /** Look each so many milliseconds instead of being told by the kernel. Default: not. */
  pollIntervalMs?: number | undefined;
  /** Quiet time before changes count, in milliseconds. Default 200. */
  delayMs?: number;
  /** Replaced by tests. */
  os?: Os;
  looks?: FileLooks;
}

/** What a {@link FileWatcher} emits. Paths are absolute. */
export interface FileWatcherEvents {
  /** A file was touched; if that was a change, and when it is done, 'changed' follows. */
  touched: (path: string) => void;
  /** These files have changed and are written whole. `firstMs`: when the first was touched, by the monotonic clock. */
  changed: (paths: readonly string[], firstMs: number) => void;
  /** No file is being written; after each 'changed', and also if nothing has changed in the end. */
  calm: () => void;
  /** Something is not as was asked for: ERR_WATCH_LIMIT, ERR_WATCH_RESTLESS. It goes on. */
  problem: (error: VhostError) => void;
}

/**
 * Watches what its options name, without `node_modules` and folders whose name begins with a dot, unless they are
 * named. Many changes at a time are told as one. It takes no CPU while nothing changes, unless it polls.
 */
export class FileWatcher extends EventEmitter<FileWatcherEvents> {
  readonly #tree: FileTree;
  readonly #settle: Settle;

  constructor(options: FileWatcherOptions = {}) {
    super();
    const { cwd = process.cwd(), os = realOs, delayMs = 200 } = options;
    const gitignore = options.gitignore === true ? new Gitignore(cwd) : undefined;
    const rules = new WatchRules({
      cwd,
      watch: options.watch ?? ['.'],
      ignore: options.ignore ?? [],
      extensions: options.extensions ?? ['node', 'js'],
      exists: existsSync,
      isIgnored: (file, isDirectory) => gitignore?.ignores(file, isDirectory) === true,
    });
    const looks = options.looks ?? { read: readFileState, findWritten };
    this.#settle = new Settle({
      delayMs,
      looks,
      os,
      events: {
        changed: (paths, firstMs) => this.emit('changed', paths, firstMs),
        calm: () => this.emit('calm'),
        restless: (paths) => this.emit('problem', restless(paths)),
      },
    });
    this.#tree = new FileTree({
      rules,
      followSymlinks: options.followSymlinks ?? true,
      pollIntervalMs: options.pollIntervalMs,
      os,
      events: {
        touched: (file, before) => {
          this.emit('touched', file);
          this.#settle.touch(file, before);
        },
        rulesTouched: () => gitignore?.forget(),
        problem: (error) => this.emit('problem', error),
      },
    });
  }

  /** Whether no file is being written. */
  get isCalm(): boolean {
    return this.#settle.isCalm;
  }

  /** The watched files. */
  get files(): string[] {
    return this.#tree.files;
  }

  /** How many folders are watched. */
  get folderCount(): number {
    return this.#tree.folderCount;
  }

  /** What `watch` names and is not there; it is watched from when it appears. */
  get missing(): string[] {
    return this.#tree.missing;
  }

  /**
   * Begins to watch; resolves when every file is known. A file that was written since `sinceMs` (milliseconds of the
   * wall clock, default now) counts as changed, even if it was written before it was watched.
   */
  async open(sinceMs: number = Date.now()): Promise<void> {
    await this.#tree.open(sinceMs);
  }

  /** Ends all watching. Nothing is emitted any more. */
  close(): void {
    this.#tree.close();
    this.#settle.close();
    this.removeAllListeners();
  }
}

function restless(paths: readonly string[]): VhostError {
  const [first = ''] = paths;
  const more = paths.length > 1 ? ` and ${paths.length - 1} more` : '';
  return new VhostError(
    'ERR_WATCH_RESTLESS',
    `${first}${more} was written to, or held open for writing, for ${PATIENCE_MS / 1000} s without a pause: ` +
      'it is not waited for any longer; leave it out with --ignore if the program itself writes it',
    { info: { paths: paths.slice(0, 100), limitMs: PATIENCE_MS } },
  );
}
