// Who holds a directory: a chain of numbered symbolic links, of which the highest names the holder. Taking over from
// a dead holder is one atomic step, so that of any number of processes that try at once exactly one succeeds.
import { mkdirSync, readdirSync, readlinkSync, symlinkSync, unlinkSync } from 'node:fs';
import path from 'node:path';
import { isAlive } from '@vhostd/supervisor';
import type { ProcessIdentity } from '@vhostd/supervisor';

/**
 * One process's view of the chain in a directory of its own, which it creates in one that exists.
 *
 * symlink(2) creates the link together with what it names and fails if that number exists. So a claim is never seen
 * half made, and the right to follow a dead holder number N belongs to the one that creates N + 1. Numbers never go
 * back: letting go adds a link that names nobody. A process that created a number on a stale view sees a higher one
 * afterwards and withdraws.
 */
export class ClaimChain {
  readonly #directory: string;
  readonly #self: ProcessIdentity;
  #claimed: number | undefined;

  constructor(directory: string, self: ProcessIdentity) {
    this.#directory = directory;
    this.#self = self;
  }

  /** Claims the directory. Gives the living holder instead if there is one. Throws the system's error. */
  claim(): ProcessIdentity | undefined {
    for (;;) {
      const top = this.#top();
      if (top.holder !== undefined && isAlive(top.holder)) return top.holder;
      const next = top.number + 1;
      if (!this.#append(next, format(this.#self))) continue;
      if (this.#top().number !== next) {
        this.#remove(next);
        continue;
      }
      this.#claimed = next;
      this.#forgetBelow(next - KEPT_COUNT);
      return undefined;
    }
  }

  /** The living process that holds the directory, if any. Throws the system's error. */
  holder(): ProcessIdentity | undefined {
    const { holder } = this.#top();
    return holder !== undefined && isAlive(holder) ? holder : undefined;
  }

  /** True while the claim of this object stands: nobody followed it and nobody removed it. */
  holds(): boolean {
    if (this.#claimed === undefined) return false;
    const { number, holder } = this.#top();
    return number === this.#claimed && holder !== undefined && format(holder) === format(this.#self);
  }

  /** Lets go, so that the next one need not find this process dead. Does nothing if the claim does not stand. */
  release(): void {
    if (this.#claimed === undefined || !this.holds()) return;
    this.#append(this.#claimed + 1, NOBODY);
    this.#claimed = undefined;
  }

  #top(): { number: number; holder: ProcessIdentity | undefined } {
    for (;;) {
      const number = Math.max(0, ...this.#numbers());
      if (number === 0) return { number, holder: undefined };
      try {
        return { number, holder: parse(readlinkSync(this.#linkOf(number))) };
      } catch (error) {
        const code = codeOf(error);
        // EINVAL: not a link, so not of this module's making.
        if (code === 'EINVAL') return { number, holder: undefined };
        if (code !== 'ENOENT') throw error;
      }
    }
  }

  #numbers(): number[] {
    try {
      return readdirSync(this.#directory)
        .filter((name) => NUMBER.test(name))
        .map(Number);
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return [];
      throw error;
    }
  }

  /** False if that number exists already. */
  #append(number: number, target: string): boolean {
    this.#createDirectory();
    try {
      symlinkSync(target, this.#linkOf(number));
      return true;
    } catch (error) {
      const code = codeOf(error);
      if (code === 'EEXIST' || code === 'ENOENT') return false;
      throw error;
    }
  }

  #createDirectory(): void {
    try {
      mkdirSync(this.#directory, { mode: 0o700 });
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error;
    }
  }

  #forgetBelow(limit: number): void {
    for (const number of this.#numbers()) if (number < limit) this.#remove(number);
  }

  #remove(number: number): void {
    try {
      unlinkSync(this.#linkOf(number));
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error;
    }
  }

  #linkOf(number: number): string {
    return path.join(this.#directory, String(number));
  }
}

/** Links below the holder's stay for a while, so that no reading of the directory can miss all of them. */
const KEPT_COUNT = 8;
const NOBODY = 'nobody';
const NUMBER = /^[1-9]\d{0,14}$/u;
const IDENTITY = /^([1-9]\d{0,9}):(\d*):([\da-f-]*)$/u;

function format({ pid, startTime, bootId }: ProcessIdentity): string {
  return `${pid}:${startTime}:${bootId}`;
}

function parse(target: string): ProcessIdentity | undefined {
  const [, pid, startTime, bootId] = IDENTITY.exec(target) ?? [];
  if (pid === undefined || startTime === undefined || bootId === undefined) return undefined;
  return { pid: Number(pid), startTime, bootId };
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}
