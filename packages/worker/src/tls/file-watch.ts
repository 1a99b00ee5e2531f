// Notices that files are other ones now, however that came: renamed into place, written anew, behind a link that leads
// elsewhere. Files that are looked at need no watch of the kernel, which is lost with the directory.
import { statSync } from 'node:fs';
import type { Stats } from 'node:fs';
import { stat } from 'node:fs/promises';

export class FileWatch {
  readonly #files: readonly string[];
  readonly #onChange: () => void;
  readonly #intervalMs: number;
  /** As of the last change that was told. */
  #told: string;
  #seen: string | undefined;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  /**
   * `onChange` is called when they are others than in `known`, a {@link filesState}, and have stayed so for one look.
   * `intervalMs`: between two looks; more files are looked at less often.
   */
  constructor(
    { files, known }: { files: readonly string[]; known: string },
    onChange: () => void,
    intervalMs: number = INTERVAL_MS,
  ) {
    this.#files = files;
    this.#told = known;
    this.#onChange = onChange;
    this.#intervalMs = Math.max(intervalMs, files.length * PER_FILE_MS);
    if (files.length > 0) void this.#look();
  }

  /** This process has stood still for a while: files that are others by now have settled long ago. */
  lookNow(): void {
    const state = filesState(this.#files);
    if (this.#stopped || state === this.#told) return;
    this.#told = state;
    this.#onChange();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  async #look(): Promise<void> {
    const state = (await Promise.all(this.#files.map(stateOf))).join();
    if (this.#stopped) return;
    // A pair is two files: neither is read before both are there.
    const settled = state === this.#seen;
    this.#seen = state;
    if (settled && state !== this.#told) {
      this.#told = state;
      this.#onChange();
    }
    if (this.#stopped) return;
    this.#timer = setTimeout(() => void this.#look(), this.#intervalMs);
    this.#timer.unref();
  }
}

/** What tells files from others of their names; to be asked for before they are read. */
export function filesState(files: readonly string[]): string {
  return files.map((file) => attempt(() => textOf(statSync(file)))).join();
}

async function stateOf(file: string): Promise<string> {
  return await stat(file).then(textOf, missing);
}

function attempt(look: () => string): string {
  try {
    return look();
  } catch (error) {
    return missing(error);
  }
}

function textOf({ dev, ino, size, mtimeMs, ctimeMs }: Stats): string {
  return `${dev}.${ino}.${size}.${mtimeMs}.${ctimeMs}`;
}

function missing(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
}

const INTERVAL_MS = 2000;
/** Keeps many files at about a thousandth of a CPU, ms. */
const PER_FILE_MS = 50;
