// FIFOs without a name: what an untrusted child writes its bytes to. A descriptor cannot travel through one (sendmsg(2)
// gives ENOTSOCK), where on a socket the kernel would close it in the reader's thread.
//
// Node has no mkfifo. Where no library offers it, the program of that name makes some ahead of need, since starting it
// takes a few milliseconds.
import { spawn, spawnSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, rmdirSync, unlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getSystemErrorName } from 'node:util';
import { VhostError } from '@vhostd/protocol';
import { nativeCalls } from './native-calls.js';

/** The two ends. The reading end does not block. */
export interface Fifo {
  readFd: number;
  writeFd: number;
}

export class Fifos {
  /** Reading ends of those that nobody has yet. */
  readonly #ready: number[] = [];
  #making = false;

  /**
   * A new FIFO; its descriptors are the caller's.
   * @throws {VhostError} ERR_FIFO where none can be made; `cause` says why. Or the system's error (EMFILE).
   */
  take(): Fifo {
    const library = nativeCalls();
    if (this.#ready.length === 0) {
      if (library === undefined) this.#ready.push(...make(BATCH_COUNT, withProgram));
      else this.#ready.push(...make(1, (paths) => withLibrary(paths, library.makeFifo.bind(library))));
    }
    const readFd = this.#ready.shift();
    if (readFd === undefined) throw new VhostError('ERR_FIFO', 'no FIFO was made');
    if (library === undefined) this.#refill();
    try {
      return { readFd, writeFd: openSync(`/proc/self/fd/${readFd}`, constants.O_WRONLY) };
    } catch (error) {
      closeSync(readFd);
      throw error;
    }
  }

  /** Closes those that nobody has. */
  close(): void {
    for (const fd of this.#ready.splice(0)) closeSync(fd);
  }

  #refill(): void {
    if (this.#making || this.#ready.length >= LOW_COUNT) return;
    let placed: ReturnType<typeof place>;
    try {
      placed = place(tmpdir(), BATCH_COUNT);
    } catch {
      // Who takes the next one is told.
      return;
    }
    this.#making = true;
    const { directory, paths } = placed;
    const child = spawn('mkfifo', ['-m', '600', ...paths], { stdio: 'ignore' });
    child.unref();
    child.once('error', () => undefined);
    child.once('close', () => {
      this.#making = false;
      this.#ready.push(...open(directory, paths).fds);
    });
  }
}

/** Those of this process. */
export const fifos: Fifos = new Fifos();

const LOW_COUNT = 9;
const BATCH_COUNT = 24;

function place(parent: string, count: number): { directory: string; paths: string[] } {
  const directory = mkdtempSync(join(parent, `vhostd-fifo-${process.pid}-`));
  return { directory, paths: Array.from({ length: count }, (_, index) => join(directory, String(index))) };
}

/** In the first place that has room: everybody may fill that for temporary files. */
function make(count: number, makeAll: (paths: string[]) => void): number[] {
  let failure: unknown;
  for (const parent of [tmpdir(), process.env['XDG_RUNTIME_DIR'] ?? '/run', '/dev/shm']) {
    try {
      return makeIn(parent, count, makeAll);
    } catch (error) {
      failure ??= error;
    }
  }
  throw new VhostError('ERR_FIFO', `no FIFO can be made in ${tmpdir()}`, { cause: failure });
}

/** As many as could be opened. @throws what the first one failed with where there is none. */
function makeIn(parent: string, count: number, makeAll: (paths: string[]) => void): number[] {
  const { directory, paths } = place(parent, count);
  try {
    makeAll(paths);
  } catch (error) {
    open(directory, paths).fds.forEach((fd) => closeSync(fd));
    throw error;
  }
  const { fds, failure } = open(directory, paths);
  if (fds.length === 0) throw failure;
  return fds;
}

function withProgram(paths: string[]): void {
  const { error, status, stderr } = spawnSync('mkfifo', ['-m', '600', ...paths]);
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`mkfifo exited with ${status}: ${stderr.toString()}`);
}

function withLibrary(paths: string[], makeFifo: (path: string) => number): void {
  for (const path of paths) {
    const errno = makeFifo(path);
    if (errno === 0) continue;
    const code = getSystemErrorName(-errno);
    throw Object.assign(new Error(`mkfifo ${path}: ${code}`), { code });
  }
}

/** Opens the reading ends of what is there, and removes every name. `failure`: why one could not be. */
function open(directory: string, paths: readonly string[]): { fds: number[]; failure: unknown } {
  let failure: unknown;
  const fds = paths.flatMap((path) => {
    try {
      return [openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)];
    } catch (error) {
      failure ??= error;
      return [];
    }
  });
  for (const path of paths) ignoring(() => unlinkSync(path));
  ignoring(() => rmdirSync(directory));
  return { fds, failure };
}

function ignoring(work: () => void): void {
  try {
    work();
  } catch {
    // Nothing that is left there is of any harm.
  }
}
