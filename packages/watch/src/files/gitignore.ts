// What the .gitignore files of a working tree say of a path.
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import ignore from 'ignore';
import type { Ignore } from 'ignore';

/** Reads each .gitignore once; after one has changed, {@link Gitignore.forget} makes it read anew. */
export class Gitignore {
  readonly #top: string;
  readonly #files = new Map<string, Ignore | undefined>();

  /** The working tree is the nearest folder from `cwd` upwards that holds `.git`, else `cwd` itself. */
  constructor(cwd: string) {
    this.#top = topOf(cwd) ?? cwd;
  }

  /** Whether git would ignore the path. A file of a folder further down has the last word, as in gitignore(5). */
  ignores(file: string, isDirectory: boolean): boolean {
    if (!file.startsWith(`${this.#top}/`)) return false;
    let verdict = false;
    const names = path.relative(this.#top, file).split('/');
    for (let depth = 0; depth < names.length; depth += 1) {
      const directory = path.join(this.#top, ...names.slice(0, depth));
      const below = names.slice(depth).join('/');
      const { ignored = false, unignored = false } =
        this.#read(directory)?.test(isDirectory ? `${below}/` : below) ?? {};
      if (ignored) verdict = true;
      else if (unignored) verdict = false;
    }
    return verdict;
  }

  forget(): void {
    this.#files.clear();
  }

  #read(directory: string): Ignore | undefined {
    if (!this.#files.has(directory)) this.#files.set(directory, rulesOf(path.join(directory, '.gitignore')));
    return this.#files.get(directory);
  }
}

function topOf(cwd: string): string | undefined {
  for (let directory = cwd; ; directory = path.dirname(directory)) {
    if (existsSync(path.join(directory, '.git'))) return directory;
    if (directory === path.dirname(directory)) return undefined;
  }
}

function rulesOf(file: string): Ignore | undefined {
  try {
    return ignore().add(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}
