// What is run for PROGRAM, and which files are worth a restart, guessed from its name.
import { accessSync, constants, statSync } from 'node:fs';
import path from 'node:path';
import { VhostError } from '@vhostd/protocol';
import type { WatchOptions } from '../watch-options.js';

/** A command as it is spawned. */
export interface ProgramCommand {
  executable: string;
  args: readonly string[];
}

/** The extension of PROGRAM, in front of which options of the executable may stand; empty if it has none. */
export function programExtension(program: readonly string[]): string {
  const file = program.find((argument) => !argument.startsWith('-')) ?? '';
  return path.extname(file).slice(1);
}

/** Extensions without dots: those given, else `node,js` and the program's own; CoffeeScript's come as a pair. */
export function watchedExtensions({
  extensions,
  program,
}: Pick<WatchOptions, 'extensions' | 'program'>): string[] {
  if (extensions !== undefined) return [...extensions];
  const own = programExtension(program);
  const more = COFFEE.has(own) ? [...COFFEE] : [own];
  return [...new Set([...DEFAULT_EXTENSIONS, ...more])].filter((extension) => extension !== '');
}

/** The command: `coffee` gets flags for Node in its own way. */
export function programCommand({ executable, nodeFlags, program }: WatchOptions): ProgramCommand {
  const runs = executable ?? (COFFEE.has(programExtension(program)) ? 'coffee' : 'node');
  const flags =
    path.basename(runs) === 'coffee' && nodeFlags.length > 0 ? ['--nodejs', nodeFlags.join(' ')] : nodeFlags;
  return { executable: runs, args: [...flags, ...program] };
}

/**
 * The command with its executable's own path. Throws `ERR_WATCH_EXECUTABLE` if nothing of that name can be executed,
 * and `ERR_WATCH_PROGRAM` if Node is to run a file that is not there.
 */
export function findCommand(
  options: WatchOptions,
  { cwd, searchPath }: { cwd: string; searchPath: string },
): ProgramCommand {
  const { executable, args } = programCommand(options);
  const found = findExecutable(executable, cwd, searchPath);
  if (found === undefined) throw noExecutable(executable, options);
  const [file] = options.program;
  const isNode = options.executable === undefined && executable === 'node';
  // Node resolves a name without its extension as `require` does.
  const candidates = NODE_SUFFIXES.map((suffix) => path.resolve(cwd, `${file}${suffix}`));
  if (isNode && !file.startsWith('-') && !candidates.some(exists)) {
    throw new VhostError('ERR_WATCH_PROGRAM', `${path.resolve(cwd, file)}: there is no such PROGRAM`, {
      info: { program: file, directory: cwd },
    });
  }
  return { executable: found, args };
}

function noExecutable(executable: string, options: WatchOptions): VhostError {
  const why =
    options.executable === undefined && executable === 'coffee'
      ? `; PROGRAM is CoffeeScript, which the npm package coffeescript runs`
      : '; check --exec and PATH';
  const message = `'${executable}' is no program that can be executed${why}`;
  return new VhostError('ERR_WATCH_EXECUTABLE', message, { info: { executable } });
}

/** As execvp(3) finds it. `node` that is not in PATH is the one that runs this. */
function findExecutable(name: string, cwd: string, searchPath: string): string | undefined {
  if (name.includes('/')) return isExecutable(path.resolve(cwd, name)) ? name : undefined;
  for (const directory of searchPath.split(path.delimiter)) {
    const candidate = path.resolve(cwd, directory, name);
    if (isExecutable(candidate)) return candidate;
  }
  return name === 'node' ? process.execPath : undefined;
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}

function exists(file: string): boolean {
  return statSync(file, { throwIfNoEntry: false }) !== undefined;
}

const DEFAULT_EXTENSIONS = ['node', 'js'];
const COFFEE: ReadonlySet<string> = new Set(['coffee', 'litcoffee']);
const NODE_SUFFIXES = ['', '.js', '.json', '.node'];
