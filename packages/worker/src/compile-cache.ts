// The compile cache of a site, which Node itself reads and writes: https://nodejs.org/api/module.html#module-compile-cache.
// It was told where by the master, since Node looks before any code of ours runs; here it is kept from the site's children,
// written once the site is up, and kept small. Node 20 has none, and is told for nothing.
import { lstatSync, readdirSync, rmSync, statSync, utimesSync } from 'node:fs';
import Module from 'node:module';
import path from 'node:path';

export class CompileCache {
  readonly #directory: string;

  /** `directory`: that of the release which runs, beside those of releases before. */
  constructor(directory: string) {
    this.#directory = directory;
  }

  /**
   * That of this process; undefined where it has none of the master's. Its variable is gone
   * afterwards: a program that the site starts must not write there.
   * @param siteDir That of the site: another directory is the site's own matter.
   */
  static ofProcess(siteDir: string | undefined): CompileCache | undefined {
    const { [VARIABLE]: directory } = process.env;
    if (siteDir === undefined || directory?.startsWith(`${siteDir}/`) !== true) return undefined;
    delete process.env[VARIABLE];
    // Before 22.1 there is nothing that could be written.
    return typeof Reflect.get(Module, 'enableCompileCache') === 'function'
      ? new CompileCache(directory)
      : undefined;
  }

  /** {@link flush} a while from now, unless the process has ended by then. */
  flushSoon(): void {
    setTimeout(() => this.flush(), FLUSH_DELAY_MS).unref();
  }

  /** Writes what has been compiled by now, and removes what nobody runs any more or is too large. Never throws. */
  flush(): void {
    try {
      // Since 22.10; before that, Node writes when the process ends.
      const flush: unknown = Reflect.get(Module, 'flushCompileCache');
      if (typeof flush === 'function') Reflect.apply(flush, Module, []);
      const now = new Date();
      utimesSync(this.#directory, now, now);
      prune(path.dirname(this.#directory));
    } catch {
      // Without it the next start takes longer, no more.
    }
  }
}

/**
 * Keeps the releases that ran last, as long as they are small: names that change with each build, such as those of bundles,
 * would fill the directory of one release as well.
 */
export function prune(directory: string, keptCount: number = KEPT_COUNT, maxBytes: number = MAX_BYTES): void {
  const releases = readdirSync(directory)
    .map((name) => path.join(directory, name))
    .map((release) => ({ release, mtimeMs: statSync(release).mtimeMs }))
    .toSorted((one, other) => other.mtimeMs - one.mtimeMs);
  for (const [index, { release }] of releases.entries()) {
    if (index >= keptCount || bytesIn(release) > maxBytes) rmSync(release, { recursive: true, force: true });
  }
}

function bytesIn(directory: string): number {
  let bytes = 0;
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const found = path.join(directory, entry.name);
    if (entry.isDirectory()) bytes += bytesIn(found);
    else bytes += lstatSync(found, { throwIfNoEntry: false })?.size ?? 0;
  }
  return bytes;
}

const VARIABLE = 'NODE_COMPILE_CACHE';
/** When the first requests have been answered, mostly, ms: what they compile is worth as much. */
const FLUSH_DELAY_MS = 3000;
/** The one that runs, and the one before, to which somebody may go back. */
const KEPT_COUNT = 2;
/** Of one release. */
const MAX_BYTES = 64 * 2 ** 20;
