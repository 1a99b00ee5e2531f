// Which folders are looked into, and which files are worth a restart. Pure.
import path from 'node:path';
import picomatch from 'picomatch';

/** What is watched, as the user says it. */
export interface WatchRulesOptions {
  /** Paths and globs are relative to it. */
  cwd: string;
  /** Folders, files and globs. */
  watch: readonly string[];
  /** Folders, files and globs; a glob without a slash is about the name alone, wherever it is. */
  ignore?: readonly string[];
  /** Without dots; they count in folders, not for files and globs that `watch` names. `*` means all. */
  extensions: readonly string[];
  /** Whether there is such a path: then it is no glob, whatever it holds. Default: not. */
  exists?: (file: string) => boolean;
  /** Whether a path is to be left out besides, for instance by .gitignore. */
  isIgnored?: (file: string, isDirectory: boolean) => boolean;
}

/** A decision for each path. All paths are absolute. */
export class WatchRules {
  /** Where watching begins: what `watch` names, the folder that a glob begins with. None is twice here. */
  readonly roots: readonly string[];
  readonly #items: readonly WatchItem[];
  readonly #ignores: readonly ((file: string) => boolean)[];
  readonly #extensions: ReadonlySet<string> | undefined;
  readonly #isIgnored: (file: string, isDirectory: boolean) => boolean;

  constructor(options: WatchRulesOptions) {
    const { cwd, extensions, exists = () => false, isIgnored = () => false } = options;
    const isGlob = (item: string): boolean => picomatch.scan(item).isGlob && !exists(path.resolve(cwd, item));
    this.#items = options.watch.map((item) => watchItem(item, cwd, isGlob(item)));
    this.roots = [...new Set(this.#items.map(({ base }) => base))];
    this.#ignores = (options.ignore ?? []).map((item) =>
      ignoreItem(item.replace(/(?<=.)\/+$/u, ''), cwd, isGlob(item)),
    );
    this.#extensions = extensions.includes('*') ? undefined : new Set(extensions);
    this.#isIgnored = isIgnored;
  }

  /** Whether files may be watched in this folder or below it. */
  wantsDirectory(directory: string): boolean {
    return this.#items.some(({ base }) => isVisible(base, directory)) && !this.#isLeftOut(directory, true);
  }

  /** Whether a change of this file counts. */
  wantsFile(file: string): boolean {
    const name = path.basename(file);
    if (EDITOR_FILE.test(name)) return false;
    const isWanted = this.#items.some(({ base, matches }) => {
      if (file === base) return true;
      if (!isVisible(base, path.dirname(file))) return false;
      return matches === undefined ? this.#hasExtension(name) : matches(file);
    });
    return isWanted && !this.#isLeftOut(file, false);
  }

  /** `extname` would say that `.env` and `env` have none; `server.test.js` has `js` and `test.js`. */
  #hasExtension(name: string): boolean {
    if (this.#extensions === undefined) return true;
    for (let dot = name.indexOf('.'); dot !== -1; dot = name.indexOf('.', dot + 1)) {
      if (this.#extensions.has(name.slice(dot + 1))) return true;
    }
    return false;
  }

  #isLeftOut(file: string, isDirectory: boolean): boolean {
    return this.#ignores.some((ignores) => ignores(file)) || this.#isIgnored(file, isDirectory);
  }
}

/** Whether a folder is `base` or below it, with no `node_modules` and no name that begins with a dot in between. */
function isVisible(base: string, directory: string): boolean {
  const relative = relativeWithin(base, directory);
  if (relative === undefined) return false;
  return (
    relative === '' || relative.split('/').every((name) => name !== 'node_modules' && !name.startsWith('.'))
  );
}

interface WatchItem {
  base: string;
  /** Undefined for a path: all files below it whose extension counts. */
  matches?: (file: string) => boolean;
}

function watchItem(item: string, cwd: string, isGlob: boolean): WatchItem {
  if (!isGlob) return { base: path.resolve(cwd, item) };
  return { base: globBase(item, cwd), matches: globMatcher(item, cwd) };
}

function ignoreItem(item: string, cwd: string, isGlob: boolean): (file: string) => boolean {
  if (!isGlob) {
    const ignored = path.resolve(cwd, item);
    return (file) => relativeWithin(ignored, file) !== undefined;
  }
  if (!item.includes('/')) {
    const matchesName = picomatch(item, { dot: true });
    return (file) => (relativeWithin(cwd, file) ?? file).split('/').some((name) => matchesName(name));
  }
  const matches = globMatcher(item, cwd);
  return (file) => ancestorsOf(file).some((each) => matches(each));
}

/** The folder that a glob begins with. */
function globBase(glob: string, cwd: string): string {
  const { base } = picomatch.scan(glob);
  return path.resolve(cwd, base === '' ? '.' : base);
}

/** A glob is matched below the folder that it begins with, so that it may begin with `..`. */
function globMatcher(glob: string, cwd: string): (file: string) => boolean {
  const directory = globBase(glob, cwd);
  const matches = picomatch(picomatch.scan(glob).glob, { dot: true });
  return (file) => {
    const relative = relativeWithin(directory, file);
    return relative !== undefined && relative !== '' && matches(relative);
  };
}

/** The path and those of the folders that it is in. */
function ancestorsOf(file: string): string[] {
  const all = [file];
  for (let parent = path.dirname(file); parent !== all.at(-1); parent = path.dirname(parent))
    all.push(parent);
  return all;
}

/** `file` as seen from `base`, empty for `base` itself; undefined if it is not below it. */
function relativeWithin(base: string, file: string): string | undefined {
  if (file === base) return '';
  const prefix = base.endsWith('/') ? base : `${base}/`;
  return file.startsWith(prefix) ? file.slice(prefix.length) : undefined;
}

/** Locks, swap and backup files of Emacs, vim and others, which come and go beside the file that is edited. */
const EDITOR_FILE = /^\.#|^#.*#$|~$|\.sw[a-z]$|^4913$|___jb_(?:tmp|old)___$|^\.goutputstream-/u;
