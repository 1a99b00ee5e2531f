// What runs a file that says so itself: by its first line, `#!/usr/bin/env python3`, or by its name.
import { basename, extname } from 'node:path';
import { readBeginning } from '../node/site-file.js';

/** A program, and what it is given before the file. */
export interface Shebang {
  readonly interpreter: string;
  readonly args: readonly string[];
}

/**
 * What the first line of a file names (execve(2), "Interpreter scripts"), or else its extension; undefined where that is
 * Node or none, or the file is JavaScript by its name: that is Node's, whatever starts it elsewhere. `forAll`: nothing is
 * said of the first line of a file that not every user may read.
 */
export function shebangOf(file: string, { forAll = false }: { forAll?: boolean } = {}): Shebang | undefined {
  const extension = extname(file);
  if (OF_NODE.has(extension)) return undefined;
  const [, line] = /^#![ \t]*([^\n]+)\n/.exec(`${readBeginning(file, LINE_MAX_BYTES, forAll)}\n`) ?? [];
  if (line !== undefined) return parseShebang(line);
  const interpreter = OF_EXTENSION.get(extension);
  return interpreter === undefined ? undefined : { interpreter, args: [] };
}

/** Of the line behind `#!`. As Linux does, all behind the program is one argument; `env -S` takes it apart. */
export function parseShebang(line: string): Shebang | undefined {
  const [, program = '', rest = ''] = /^(\S+)[ \t]*(.*?)\s*$/.exec(line) ?? [];
  const found =
    basename(program) === 'env'
      ? throughEnv(rest)
      : { interpreter: program, args: rest === '' ? [] : [rest] };
  return found === undefined || /^node(?:js)?$/.test(basename(found.interpreter)) ? undefined : found;
}

/** env(1): without `-S` all of it is the name of a program. One that sets variables is not followed. */
function throughEnv(rest: string): Shebang | undefined {
  const splits = /^(?:-S|--split-string=?)[ \t]*/.exec(rest);
  const [interpreter, ...args] = splits === null ? [rest] : rest.slice(splits[0].length).split(/\s+/);
  if (interpreter === undefined || !/^[^-=\s][^=\s]*$/.test(interpreter)) return undefined;
  return { interpreter, args };
}

const OF_NODE: ReadonlySet<string> = new Set(['.js', '.cjs', '.mjs', '.ts', '.cts', '.mts']);
/** What is never Node's, as PM2 has it. */
const OF_EXTENSION: ReadonlyMap<string, string> = new Map([
  ['.sh', 'sh'],
  ['.bash', 'bash'],
  ['.py', 'python3'],
  ['.rb', 'ruby'],
  ['.php', 'php'],
  ['.pl', 'perl'],
]);
/** BINPRM_BUF_SIZE of Linux. */
const LINE_MAX_BYTES = 256;
