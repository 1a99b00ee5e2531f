// Opens a file that the conf names for a site where the site's own user may have changed the way to it: replaced a
// directory or the file by a link, or the file by a pipe. Each part of the path is opened by itself, looked at, and
// entered by its descriptor, so that nothing can be exchanged in between. Linux only: O_PATH, /proc/self/fd.
import {
  close,
  closeSync,
  constants,
  fchown,
  fstat,
  fstatSync,
  mkdir,
  open,
  openSync,
  read,
  readlink,
  readSync,
} from 'node:fs';
import type { Stats } from 'node:fs';
import { promisify } from 'node:util';
import { VhostError } from '@vhostd/protocol';

/** Whom a site's workers run as, where that is another user than this process's. */
export interface SiteUser {
  readonly uid: number;
  /** Absent: unknown. */
  readonly gid?: number;
}

/** What a file is opened for. `append` creates it, with the directories above it. */
export type SiteFileUse = 'read' | { readonly append: true; readonly mode: number };

/**
 * Opens a file for a site, whose user is not this process's; resolves with a descriptor. It never waits for anybody.
 *
 * Where nobody but root and this process's user can change the path, it is opened as it stands. Behind the first
 * directory that somebody else can change, the file must be a regular one of root, this process's user or the site's;
 * behind a link that somebody else can change, the site's user must be able to go there, and the file must be its own.
 * @throws {VhostError} ERR_SITE_PATH, or the system's error.
 */
export async function openSiteFile(file: string, use: SiteFileUse, user: SiteUser): Promise<number> {
  if (process.platform !== 'linux') throw refused(file, 'a site with a user of its own needs Linux');
  if (DEVICES.has(file)) return await openFd(file, flagsOf(use));
  const walk = new Walk(file, use, user);
  try {
    return await walk.run();
  } catch (error) {
    if (error instanceof VhostError) throw error;
    // The system's own message names a descriptor.
    const code = codeOf(error) ?? String(error);
    throw Object.assign(new Error(`${code}: ${file} cannot be opened`, { cause: error }), { code });
  } finally {
    await walk.end();
  }
}

/**
 * What is in a regular file of a site. It never waits for anybody.
 * @param user As of {@link openSiteFile}; without one, the file may lie anywhere.
 * @throws {VhostError} ERR_SITE_PATH, or an error that says what is wrong with the file.
 */
export async function readSiteFile(
  file: string,
  maxBytes: number,
  user: SiteUser | undefined,
): Promise<Buffer> {
  const opened = await (user === undefined
    ? openFd(file, flagsOf('read'))
    : openSiteFile(file, 'read', user));
  try {
    const stats = await statFd(opened);
    if (!stats.isFile()) throw new Error('it is no regular file');
    if (stats.size > maxBytes) throw new Error(`it has ${stats.size} bytes; ${maxBytes} are the limit`);
    const buffer = Buffer.alloc(maxBytes + 1);
    let length = 0;
    for (let got = -1; got !== 0 && length < buffer.length; length += got) {
      ({ bytesRead: got } = await readFd(opened, buffer, length, buffer.length - length, length));
    }
    // It may have grown meanwhile.
    if (length > maxBytes) throw new Error(`it has more than ${maxBytes} bytes`);
    return buffer.subarray(0, length);
  } finally {
    await closeFd(opened);
  }
}

/**
 * The text of a regular file, where that may be known to the user of the site; undefined where it may not, where it is
 * no regular file, or one of more bytes. It never waits for anybody.
 * @throws The system's error.
 */
export function readRegularFile(
  file: string,
  maxBytes: number,
  user: SiteUser | undefined,
): string | undefined {
  const found = openSync(file, process.platform === 'linux' ? O_PATH : constants.O_NONBLOCK);
  try {
    const stats = fstatSync(found);
    if (!stats.isFile() || stats.size > maxBytes) return undefined;
    if (user !== undefined && !isAllowed(stats, user, READABLE)) return undefined;
    return readOpened(
      openSync(process.platform === 'linux' ? pathOf(found) : file, flagsOf('read')),
      stats.size,
    );
  } finally {
    closeSync(found);
  }
}

/**
 * The first bytes of a regular file, in latin1; nothing where it is none, or may not be read. Never waits for anybody, nor
 * touches a device. `forAll`: only of one that every user may read.
 */
export function readBeginning(file: string, maxBytes: number, forAll: boolean): string {
  const { O_NONBLOCK } = constants;
  let found: number;
  try {
    found = openSync(file, process.platform === 'linux' ? O_PATH : O_NONBLOCK);
  } catch {
    return '';
  }
  try {
    const stats = fstatSync(found);
    if (!stats.isFile() || (forAll && (stats.mode & READABLE) === 0)) return '';
    const opened = openSync(process.platform === 'linux' ? pathOf(found) : file, flagsOf('read'));
    return readOpened(opened, maxBytes, 'latin1');
  } catch {
    return '';
  } finally {
    closeSync(found);
  }
}

/** No more than it had when it was looked at. */
function readOpened(opened: number, bytes: number, encoding: 'utf8' | 'latin1' = 'utf8'): string {
  try {
    const buffer = Buffer.alloc(bytes);
    return buffer.toString(encoding, 0, readSync(opened, buffer, 0, bytes, 0));
  } finally {
    closeSync(opened);
  }
}

/** The way to a file, part by part. */
class Walk {
  readonly #file: string;
  readonly #use: SiteFileUse;
  readonly #user: SiteUser;
  /** Still to be entered. */
  #parts: string[];
  #directory = -1;
  #directoryStats: Stats | undefined;
  /** Whether somebody else may have decided what is found from here on. */
  #foreign = false;
  /** Whether a link led here that somebody else may have made. */
  #linked = false;
  #steps = 0;

  constructor(file: string, use: SiteFileUse, user: SiteUser) {
    this.#file = file;
    this.#use = use;
    this.#user = user;
    this.#parts = partsOf(file);
  }

  async run(): Promise<number> {
    await this.#enter(await openFd('/', O_PATH));
    for (;;) {
      if ((this.#steps += 1) > MAX_STEPS) throw refused(this.#file, 'it leads through too many links');
      const opened = await this.#step();
      if (opened !== undefined) return opened;
    }
  }

  async end(): Promise<void> {
    if (this.#directory !== -1) await closeFd(this.#directory);
    this.#directory = -1;
  }

  /** One part further; gives the file's descriptor where that was the last one. */
  async #step(): Promise<number | undefined> {
    const name = this.#parts.shift();
    if (name === undefined) throw refused(this.#file, 'it is a directory');
    const entry = await this.#find(name);
    if (entry === undefined) return await this.#make(name);
    let kept = false;
    try {
      const stats = await statFd(entry);
      if (stats.isSymbolicLink()) await this.#follow(name);
      else if (this.#parts.length === 0) return await this.#openFound(entry, stats);
      else {
        if (!stats.isDirectory()) throw refused(this.#file, `${name} in it is no directory`);
        kept = true;
        await this.#enter(entry);
      }
      return undefined;
    } finally {
      if (!kept) await closeFd(entry);
    }
  }

  async #enter(directory: number): Promise<void> {
    await this.end();
    this.#directory = directory;
    const stats = await statFd(directory);
    this.#directoryStats = stats;
    if (!isOurs(stats.uid) || (stats.mode & WRITABLE_BY_OTHERS) !== 0) this.#foreign = true;
    if (this.#linked && !may(stats, this.#user, SEARCHABLE)) {
      throw refused(this.#file, 'a link in it leads to where the user of the site may not go');
    }
  }

  async #find(name: string): Promise<number | undefined> {
    try {
      return await openFd(this.#at(name), O_PATH | constants.O_NOFOLLOW);
    } catch (error) {
      if (codeOf(error) === 'ENOENT' && this.#use !== 'read') return undefined;
      throw error;
    }
  }

  async #follow(name: string): Promise<void> {
    if (this.#foreign) this.#linked = true;
    const target = await readLink(this.#at(name));
    this.#parts = [...partsOf(target), ...this.#parts];
    await this.#enter(
      target.startsWith('/') ? await openFd('/', O_PATH) : await openFd(this.#at('.'), O_PATH),
    );
  }

  /** A regular file cannot turn into a pipe: its descriptor is opened, not its name. */
  async #openFound(entry: number, stats: Stats): Promise<number> {
    if (this.#foreign) {
      if (!stats.isFile()) throw refused(this.#file, 'it is no regular file');
      if (this.#linked && stats.uid !== this.#user.uid) {
        throw refused(this.#file, `a link in it leads to a file of user id ${stats.uid}`);
      }
      if (!isAllowed(stats, this.#user, this.#use === 'read' ? READABLE : 0)) {
        throw refused(this.#file, `it is a file of user id ${stats.uid}, or one with several names`);
      }
    }
    return await openFd(pathOf(entry), flagsOf(this.#use));
  }

  /** Makes what is missing: the file, or a directory on the way. What was made meanwhile is looked at. */
  async #make(name: string): Promise<number | undefined> {
    const { uid, gid } = this.#user;
    const byUser = this.#directoryStats?.uid === uid;
    if (this.#linked && !byUser) {
      throw refused(this.#file, 'a link in it leads to a directory that is not of the user of the site');
    }
    try {
      if (this.#parts.length > 0) {
        await makeOne(this.#at(name));
        this.#parts.unshift(name);
        return undefined;
      }
      const flags = flagsOf(this.#use) | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
      const made = await openFd(this.#at(name), flags, this.#use === 'read' ? 0 : this.#use.mode);
      // Where this process may not give files away, the file stays its own.
      if (byUser) await changeOwner(made, uid, gid ?? KEEP).catch(() => undefined);
      return made;
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error;
      this.#parts.unshift(name);
      return undefined;
    }
  }

  #at(name: string): string {
    return `${pathOf(this.#directory)}/${name}`;
  }
}

/** Whether a file may be opened that somebody else could put where it is. */
function isAllowed(stats: Stats, user: SiteUser, right: number): boolean {
  if (stats.uid === user.uid) return true;
  // A second name may have been given to a file of root; a read must tell the user of the site nothing new.
  return isOurs(stats.uid) && stats.nlink === 1 && may(stats, user, right);
}

/** Whether the mode gives the user these rights. Groups other than its own count as none. */
function may({ uid, gid, mode }: Stats, user: SiteUser, right: number): boolean {
  const shift = uid === user.uid ? 6 : gid === user.gid ? 3 : 0;
  return ((mode >> shift) & right) === right;
}

function isOurs(uid: number): boolean {
  return uid === 0 || uid === process.geteuid?.();
}

function flagsOf(use: SiteFileUse): number {
  const { O_APPEND, O_NOCTTY, O_NONBLOCK, O_RDONLY, O_WRONLY } = constants;
  return (use === 'read' ? O_RDONLY : O_WRONLY | O_APPEND) | O_NONBLOCK | O_NOCTTY;
}

function pathOf(descriptor: number): string {
  return `/proc/self/fd/${descriptor}`;
}

function partsOf(path: string): string[] {
  return path.split('/').filter((part) => part !== '' && part !== '.');
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined;
}

function refused(file: string, reason: string): VhostError {
  return new VhostError('ERR_SITE_PATH', `${file} is not opened: ${reason}`, { info: { file, reason } });
}

const openFd = promisify(open);
const statFd = promisify(fstat);
const closeFd = promisify(close);
const makeOne = promisify(mkdir);
const readFd = promisify(read);
const readLink = promisify(readlink);
const changeOwner = promisify(fchown);

/** Stands for a file without opening it: a pipe is not waited for, a device not touched. fcntl.h of Linux. */
const O_PATH = 0o10_000_000;
/** Nobody's to exchange; the two streams are links to descriptors, which have no path. */
const DEVICES: ReadonlySet<string> = new Set(['/dev/null', '/dev/stdout', '/dev/stderr']);
const MAX_STEPS = 200;
const WRITABLE_BY_OTHERS = 0o022;
const READABLE = 0o4;
const SEARCHABLE = 0o1;
/** The group that a file has. */
const KEEP = -1;
