// Knows every watched file, and is told by the kernel of those that change: one inotify watch a folder, none a file.
import { watch } from 'node:fs';
import type { FSWatcher, Stats } from 'node:fs';
import path from 'node:path';
import { VhostError } from '@vhostd/protocol';
import type { Os, OsTimer } from '@vhostd/supervisor';
import { fileStateOf, isSameState } from './file-state.js';
import type { FileState } from './file-state.js';
import { listed, lstatOf, realPath, statOf } from './path-lookups.js';
import { Pauses } from './pauses.js';
import type { WatchRules } from './watch-rules.js';

/** What {@link FileTree} tells. */
export interface FileTreeEvents {
  /** A watched file was written, made or removed. `before` is undefined if it was not there. */
  touched(file: string, before: FileState | undefined): void;
  /** A .gitignore file has changed. Only then are the rules asked anew about what is there already. */
  rulesTouched(): void;
  /** It goes on, but not as was asked for. */
  problem(error: VhostError): void;
}

/** How {@link FileTree} looks. */
export interface FileTreeOptions {
  rules: WatchRules;
  followSymlinks: boolean;
  /** Look each so many milliseconds instead of being told. */
  pollIntervalMs: number | undefined;
  os: Os;
  events: FileTreeEvents;
}

interface KnownFile {
  state: FileState;
  /** Of a symbolic link: its folder's watch says nothing of what it leads to. */
  watcher: FSWatcher | undefined;
}

interface Folder {
  readonly path: string;
  /** Without symbolic links. */
  readonly real: string;
  readonly watcher: FSWatcher | undefined;
  readonly files: Map<string, KnownFile>;
  readonly folders: Set<string>;
}

/** A folder that is to be entered. */
type Found = Pick<Folder, 'path' | 'real'>;

/**
 * The folders and files that the rules want. Each real folder is in it once, so that a loop of symbolic links ends;
 * what `watch` names and is not there is seen when it appears.
 */
export class FileTree {
  readonly #rules: WatchRules;
  readonly #followSymlinks: boolean;
  readonly #os: Os;
  readonly #events: FileTreeEvents;
  readonly #folders = new Map<string, Folder>();
  readonly #realFolders = new Set<string>();
  /** The folders where watching begins, and which of the rules' roots they are entered for. */
  readonly #entries = new Map<string, Set<string>>();
  readonly #missing = new Set<string>();
  readonly #timers = new Set<OsTimer>();
  #pollIntervalMs: number | undefined;
  /** Files that are at least as new count as changed when they are found first. Wall clock. */
  #newFromMs = Number.POSITIVE_INFINITY;
  #eventCount = 0;
  #isOpen = false;
  #isClosed = false;

  constructor({ rules, followSymlinks, pollIntervalMs, os, events }: FileTreeOptions) {
    this.#rules = rules;
    this.#followSymlinks = followSymlinks;
    this.#pollIntervalMs = pollIntervalMs;
    this.#os = os;
    this.#events = events;
  }

  /** The watched files, in no order. */
  get files(): string[] {
    return [...this.#folders.values()].flatMap(({ path: folder, files }) =>
      [...files.keys()].map((name) => path.join(folder, name)),
    );
  }

  get folderCount(): number {
    return this.#folders.size;
  }

  /** What the rules name and is not there. */
  get missing(): string[] {
    return this.#rules.roots.filter((root) => statOf(root) === undefined);
  }

  /**
   * Enters all folders; resolves when every file in them is known. Files that were written since `sinceMs` (wall
   * clock) are told as touched: a program that was started then may have read them before.
   */
  async open(sinceMs: number): Promise<void> {
    // the clock of a file system goes in steps
    this.#newFromMs = sinceMs - CLOCK_STEP_MS;
    for (const root of this.#rules.roots) await this.#openRoot(root, false);
    this.#isOpen = true;
    if (this.#pollIntervalMs !== undefined) this.#keepPolling(this.#pollIntervalMs);
  }

  /**
   * Looks at everything once more, and tells what is other than it was known to be. While it is being opened there is
   * nothing to compare with, so nothing is done.
   */
  async refresh(): Promise<void> {
    if (!this.#isOpen) return;
    const pauses = new Pauses(this.#os);
    const folders = [...this.#folders.values()];
    for (const folder of folders) {
      await pauses.perhaps();
      if (this.#folders.get(folder.path) !== folder) continue;
      const names = listed(folder.path);
      if (names === undefined) {
        this.#leave(folder.path);
        continue;
      }
      const all = new Set([...names, ...folder.files.keys(), ...folder.folders]);
      await this.#scan(this.#examineAll(folder, all, true), true);
    }
  }

  /** Lets go of all watches. Nothing is told any more. */
  close(): void {
    this.#isClosed = true;
    for (const timer of this.#timers) timer.cancel();
    for (const folder of this.#folders.values()) closeWatches(folder);
    this.#folders.clear();
  }

  /**
   * A root that is a file, or is not there, is watched for in the folder that it is in; so is a symbolic link, which
   * may be led elsewhere.
   */
  async #openRoot(root: string, isNews: boolean): Promise<void> {
    if (this.#isClosed) return;
    const isFolder = statOf(root)?.isDirectory() === true;
    const isLink = lstatOf(root)?.isSymbolicLink() === true;
    const folders = [...(isFolder ? [root] : []), ...(isLink || !isFolder ? [path.dirname(root)] : [])];
    const found: Found[] = [];
    for (const folder of folders) {
      const real = realPath(folder);
      if (real === undefined || statOf(folder)?.isDirectory() !== true) {
        this.#awaitRoot(root);
        return;
      }
      this.#entries.set(folder, (this.#entries.get(folder) ?? new Set()).add(root));
      found.push({ path: folder, real });
    }
    await this.#scan(found, isNews);
  }

  /** Its folder is not there either, which no watch can tell of. */
  #awaitRoot(root: string): void {
    const isAwaiting = this.#missing.size > 0;
    this.#missing.add(root);
    if (isAwaiting) return;
    this.#every(MISSING_INTERVAL_MS, async () => {
      const found = [...this.#missing].filter((each) => statOf(path.dirname(each)) !== undefined);
      const isDone = found.length === this.#missing.size;
      for (const each of found) this.#missing.delete(each);
      for (const each of found) await this.#openRoot(each, true);
      return !isDone;
    });
  }

  /** Enters folders and those in them. */
  async #scan(found: readonly Found[], isNews: boolean): Promise<void> {
    const pauses = new Pauses(this.#os);
    const queue = [...found];
    for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
      queue.push(...this.#enter(next, isNews));
      await pauses.perhaps();
    }
  }

  #enter({ path: folder, real }: Found, isNews: boolean): Found[] {
    if (this.#isClosed || this.#folders.has(folder) || this.#realFolders.has(real)) return [];
    // watched before it is listed: what is made in between is found in one of the two ways
    const entered: Folder = {
      path: folder,
      real,
      watcher: this.#watch(folder, (type, name) => this.#told(entered, type, name)),
      files: new Map(),
      folders: new Set(),
    };
    this.#folders.set(folder, entered);
    this.#realFolders.add(real);
    return this.#examineAll(entered, listed(folder) ?? [], isNews);
  }

  #examineAll(folder: Folder, names: Iterable<string>, isNews: boolean): Found[] {
    const found: Found[] = [];
    for (const name of names) found.push(...this.#examine(folder, name, isNews));
    return found;
  }

  /** Compares what is there with what is known; returns a folder that is to be entered. */
  #examine(folder: Folder, name: string, isNews: boolean): Found[] {
    const whole = path.join(folder.path, name);
    const own = lstatOf(whole);
    const isLink = own?.isSymbolicLink() === true;
    const stats = isLink ? this.#follow(whole) : own;
    if (stats?.isDirectory() === true) {
      this.#forgetFile(folder, name);
      return this.#folderFound(folder, name, isLink);
    }
    if (this.#folders.has(whole)) this.#leave(whole);
    folder.folders.delete(name);
    if (stats?.isFile() === true && this.#rules.wantsFile(whole)) {
      this.#fileFound(folder, name, fileStateOf(stats), { isLink, isNews });
    } else {
      this.#forgetFile(folder, name);
    }
    return [];
  }

  #folderFound(folder: Folder, name: string, isLink: boolean): Found[] {
    const whole = path.join(folder.path, name);
    if (!this.#rules.wantsDirectory(whole)) return [];
    const real = isLink ? realPath(whole) : path.join(folder.real, name);
    if (real === undefined || (isLink && this.#isAroundRoot(real))) return [];
    folder.folders.add(name);
    return [{ path: whole, real }];
  }

  /** A link to `/` or to the folder above would bring in all that lies beside what is to be watched. */
  #isAroundRoot(real: string): boolean {
    const prefix = real === '/' ? real : `${real}/`;
    return [...this.#entries.keys()].some((entry) => (realPath(entry) ?? entry).startsWith(prefix));
  }

  #fileFound(
    folder: Folder,
    name: string,
    state: FileState,
    { isLink, isNews }: { isLink: boolean; isNews: boolean },
  ): void {
    const whole = path.join(folder.path, name);
    const known = folder.files.get(name);
    const before = known?.state;
    if (known === undefined || isLink) {
      // a link may lead to another file of the same name by now
      known?.watcher?.close();
      const watcher = isLink ? this.#watch(whole, () => this.#told(folder, 'change', name)) : undefined;
      folder.files.set(name, { state, watcher });
    } else {
      known.state = state;
    }
    if (isSameState(before, state)) return;
    if (known !== undefined || isNews || state.modifiedMs >= this.#newFromMs)
      this.#events.touched(whole, before);
  }

  #forgetFile(folder: Folder, name: string): void {
    const known = folder.files.get(name);
    if (known === undefined) return;
    known.watcher?.close();
    folder.files.delete(name);
    this.#events.touched(path.join(folder.path, name), known.state);
  }

  /** The kernel says that something has happened to a name in a folder, or to the folder itself. */
  #told(folder: Folder, type: string, name: string | null): void {
    if (this.#isClosed || this.#folders.get(folder.path) !== folder) return;
    this.#countEvent();
    if (this.#entries.has(folder.path) && isAboutItself(folder, type, name)) {
      this.#leave(folder.path);
      return;
    }
    if (name === null) {
      void this.refresh();
      return;
    }
    if (name === '.gitignore') this.#rulesTouched();
    const whole = path.join(folder.path, name);
    // removed and made again at once it has the same name and another watch
    if (type === 'rename' && this.#folders.has(whole)) this.#leave(whole);
    void this.#scan(this.#examine(folder, name, true), true);
  }

  #rulesTouched(): void {
    this.#events.rulesTouched();
    void this.refresh();
  }

  /** The kernel drops events, and says nothing that Node would tell, when more than 16384 wait to be read. */
  #countEvent(): void {
    this.#eventCount += 1;
    if (this.#eventCount < MANY_EVENTS) return;
    // no second look is due before the first one has begun
    this.#eventCount = Number.NEGATIVE_INFINITY;
    this.#every(AFTER_MANY_MS, async () => {
      this.#eventCount = 0;
      await this.refresh();
      return false;
    });
  }

  /** The folder is gone, or is another one of that name: its files are forgotten, and its roots opened anew. */
  #leave(start: string): void {
    const roots: string[] = [];
    const queue = [start];
    for (let each = queue.pop(); each !== undefined; each = queue.pop()) {
      const folder = this.#folders.get(each);
      if (folder === undefined) continue;
      closeWatches(folder);
      this.#folders.delete(each);
      this.#realFolders.delete(folder.real);
      roots.push(...(this.#entries.get(each) ?? []));
      this.#entries.delete(each);
      for (const [name, { state }] of folder.files) this.#events.touched(path.join(each, name), state);
      for (const name of folder.folders) queue.push(path.join(each, name));
    }
    for (const root of roots) void this.#openRoot(root, true);
  }

  #follow(link: string): Stats | undefined {
    return this.#followSymlinks ? statOf(link) : undefined;
  }

  #watch(watched: string, told: (type: string, name: string | null) => void): FSWatcher | undefined {
    if (this.#pollIntervalMs !== undefined || this.#isClosed) return undefined;
    try {
      const watcher = watch(watched, told);
      watcher.on('error', () => watcher.close());
      return watcher;
    } catch (error) {
      // gone again, or not readable: its folder's watch tells if that changes
      if (isLimit(error)) this.#fallBackToPolling(error);
      return undefined;
    }
  }

  #fallBackToPolling(cause: NodeJS.ErrnoException): void {
    this.#pollIntervalMs = FALLBACK_INTERVAL_MS;
    this.#events.problem(
      new VhostError(
        'ERR_WATCH_LIMIT',
        `the kernel grants no more watches (${cause.code}) after ${this.#folders.size} folders: ` +
          `files are looked at every ${FALLBACK_INTERVAL_MS} ms instead, which takes CPU; ` +
          'raise fs.inotify.max_user_watches or max_user_instances with sysctl, or watch less',
        { info: { folderCount: this.#folders.size, errno: cause.code }, cause },
      ),
    );
    // else it begins when all is entered
    if (this.#isOpen) this.#keepPolling(FALLBACK_INTERVAL_MS);
  }

  #keepPolling(intervalMs: number): void {
    this.#every(intervalMs, async () => {
      await this.refresh();
      return true;
    });
  }

  /** Works after each interval until the work says that it is done. */
  #every(intervalMs: number, work: () => Promise<boolean>): void {
    if (this.#isClosed) return;
    const timer = this.#os.setTimer(
      () => {
        this.#timers.delete(timer);
        void work().then((isWanted) => {
          if (isWanted) this.#every(intervalMs, work);
        });
      },
      intervalMs,
      { ref: true },
    );
    this.#timers.add(timer);
  }
}

/** A folder that was removed or renamed tells so under its own name. */
function isAboutItself(folder: Folder, type: string, name: string | null): boolean {
  return (type === 'rename' && name === path.basename(folder.path)) || statOf(folder.path) === undefined;
}

function closeWatches({ watcher, files }: Folder): void {
  watcher?.close();
  for (const file of files.values()) file.watcher?.close();
}

function isLimit(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'code' in error && (error.code === 'ENOSPC' || error.code === 'EMFILE');
}

/** inotify(7): `max_queued_events` is 16384. */
const MANY_EVENTS = 4000;
const AFTER_MANY_MS = 100;
const CLOCK_STEP_MS = 10;
const MISSING_INTERVAL_MS = 500;
const FALLBACK_INTERVAL_MS = 1000;
