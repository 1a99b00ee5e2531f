// The keys of a site's session tickets: one a day, in a directory that only the site's workers use, so that a ticket of
// one worker is good for all of them and for those that follow. The day is that of the clock: all workers change at once.
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  constants,
  fstatSync,
  linkSync,
  openSync,
  readdirSync,
  readSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

/** What tickets are made with, and what those of the day before were made with. */
export interface TicketKeyPair {
  readonly current: Buffer;
  readonly previous: Buffer | undefined;
}

/** The options of {@link TicketKeys}. */
export interface TicketKeysOptions {
  /** Told why keys can't be shared; they are this process's own for that day then. */
  onFailure: (error: unknown) => void;
  /** The clock, ms since 1970. */
  now?: () => number;
}

export class TicketKeys {
  readonly #directory: string;
  readonly #options: TicketKeysOptions;
  #day = Number.NaN;
  #pair: TicketKeyPair | undefined;

  /** `directory`: exists, and only this user can read it. */
  constructor(directory: string, options: TicketKeysOptions) {
    this.#directory = directory;
    this.#options = options;
  }

  /** The keys as of now, the same object until they change. */
  pair(): TicketKeyPair {
    const day = Math.floor((this.#options.now ?? Date.now)() / DAY_MS);
    if (this.#pair !== undefined && day === this.#day) return this.#pair;
    this.#day = day;
    this.#pair = this.#load(day);
    return this.#pair;
  }

  #load(day: number): TicketKeyPair {
    try {
      const current = readKey(this.#file(day)) ?? this.#make(day);
      return { current, previous: readKey(this.#file(day - 1)) };
    } catch (error) {
      this.#options.onFailure(error);
      return { current: randomBytes(KEY_BYTES), previous: undefined };
    }
  }

  /** The one of the worker that is first. A file appears with its content, or not at all. */
  #make(day: number): Buffer {
    const file = this.#file(day);
    const draft = `${file}.${process.pid}`;
    const fd = openSync(draft, constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | NO_LINK, 0o600);
    try {
      writeFileSync(fd, randomBytes(KEY_BYTES));
    } finally {
      closeSync(fd);
    }
    try {
      linkSync(draft, file);
      this.#removeBefore(day - 1);
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
    } finally {
      rmSync(draft, { force: true });
    }
    const key = readKey(file);
    if (key === undefined) throw new Error(`${file} was removed at once`);
    return key;
  }

  #removeBefore(day: number): void {
    for (const name of readdirSync(this.#directory)) {
      const of = FILE.exec(name)?.[1];
      if (of !== undefined && Number(of) < day) rmSync(join(this.#directory, name), { force: true });
    }
  }

  #file(day: number): string {
    return join(this.#directory, `ticket-key.${day}`);
  }
}

/** Undefined where there is none. @throws {Error} it is not what this writes, or can't be read. */
function readKey(file: string): Buffer | undefined {
  let fd: number;
  try {
    fd = openSync(file, constants.O_RDONLY | NO_LINK);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    const { size, uid, mode } = fstatSync(fd);
    if (size !== KEY_BYTES || uid !== process.geteuid?.() || (mode & 0o077) !== 0) {
      throw new Error(`${file} is not a key of this user's alone, ${KEY_BYTES} bytes long`);
    }
    const key = Buffer.alloc(KEY_BYTES);
    readSync(fd, key, 0, KEY_BYTES, 0);
    return key;
  } finally {
    closeSync(fd);
  }
}

/** Name, HMAC key and AES key of tickets: what `setTicketKeys` takes. */
const KEY_BYTES = 48;
const DAY_MS = 24 * 60 * 60 * 1000;
const NO_LINK = constants.O_NOFOLLOW | constants.O_NONBLOCK;
/** A key, or one in the making. */
const FILE = /^ticket-key\.(\d+)(?:\.\d+)?$/;
