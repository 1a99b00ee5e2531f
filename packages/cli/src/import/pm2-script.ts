// What PM2 starts: `script` with its `interpreter`, or a command line, which PM2 gives to a shell.
import { existsSync } from 'node:fs';
import path from 'node:path';
import { LOADER_OPTIONS, parseCommand, wordsOf as shellWordsOf } from '@vhostd/master/node-command';
import type { DraftSite, Remark } from './draft.js';
import { wordsOf } from './pm2-fields.js';

interface Placing {
  readonly site: DraftSite;
  readonly cwd: string;
  readonly script: string;
  readonly remarks: Remark[];
}

/** What to do instead of PM2's own server of files. */
export const FILE_SERVER =
  'vhostd serves no files; a site whose app does will: express.static, or npm install serve-handler';

/**
 * `path`, `workerFile` and `interpreter` of a site, or what is to be done about what is no file.
 * @returns Whether the script has its arguments in it, so that the field `args` has no say.
 */
export function placeSite(entry: Readonly<Record<string, unknown>>, placing: Placing): boolean {
  const { site, cwd, script, remarks } = placing;
  site.path = cwd;
  const args = wordsOf(entry['args']) ?? [];
  const isShell = SHELLS.has(path.basename(script)) && args[0] === '-c';
  if (isShell || (/\s/.test(script) && !existsSync(path.resolve(cwd, script)))) {
    placeCommand(isShell ? (args[1] ?? '') : script, placing);
    return true;
  }
  if (script === 'serve' && !existsSync(path.resolve(cwd, script))) {
    remarks.push({ field: 'script serve', todo: FILE_SERVER });
    return false;
  }
  const manager = managerOf(script);
  site.workerFile = manager ?? path.resolve(cwd, script);
  remarks.push({ field: manager === undefined ? 'script' : `script ${script}`, taken: 'path, workerFile' });
  if (manager === undefined) placeInterpreter(entry, placing);
  return false;
}

function placeInterpreter(
  entry: Readonly<Record<string, unknown>>,
  { site, script, remarks }: Placing,
): void {
  const named = [entry['exec_interpreter'], entry['interpreter']].find(
    (value): value is string => typeof value === 'string' && value !== '',
  );
  const interpreter = named ?? OF_EXTENSION.get(path.extname(script));
  if (interpreter === undefined || interpreter === 'node') return;
  const field = `interpreter ${interpreter}`;
  const name = path.basename(interpreter);
  if (/^node(?:@|$)/.test(name)) {
    remarks.push({
      field,
      todo: 'all workers run on one Node: start vhostd with it, or vhostd upgrade --node',
    });
  } else if (LOADER_OPTIONS.has(name)) {
    site.workerOptions = { ...site.workerOptions, execArgv: [...(LOADER_OPTIONS.get(name) ?? [])] };
    remarks.push({ field, taken: 'workerOptions.execArgv' });
  } else if (LOADERS.has(name)) {
    remarks.push({
      field,
      todo: 'run it by Node: build it, or load it with workerOptions.execArgv (--import tsx)',
    });
  } else {
    site['interpreter'] = interpreter;
    remarks.push({ field, taken: 'interpreter: it listens by itself, if it does' });
  }
}

/** A line for a shell: of Node, of a package manager, or of a program that runs a file. */
function placeCommand(line: string, { site, cwd, remarks }: Placing): void {
  const field = `script ${line}`;
  const command = parseCommand(line);
  if (command !== undefined) {
    site.workerFile = path.resolve(cwd, command.file);
    addArgs(site, command.args);
    const { execArgv, env } = command;
    if (execArgv.length > 0 || Object.keys(env).length > 0)
      site.workerOptions = { ...site.workerOptions, execArgv: [...execArgv], env };
    remarks.push({ field, taken: 'path, workerFile, and its arguments' });
    return;
  }
  const [program = '', ...words] = shellWordsOf(line) ?? [];
  const manager = managerOf(program);
  const [file = '', ...args] = words;
  if (manager !== undefined) {
    site.workerFile = manager;
    addArgs(site, words);
    remarks.push({ field, taken: 'path, workerFile, workerArgs' });
  } else if (/^[\w./-]+$/.test(program) && existsSync(path.resolve(cwd, file)) && !/^(?:-|$)/.test(file)) {
    site.workerFile = path.resolve(cwd, file);
    site['interpreter'] = program;
    addArgs(site, args);
    remarks.push({ field, taken: 'interpreter, workerFile: it listens by itself, if it does' });
  } else {
    remarks.push({ field, todo: 'write it into a file for workerFile, with "interpreter": "sh"' });
  }
}

function addArgs(site: DraftSite, args: readonly string[]): void {
  if (args.length > 0) site['workerArgs'] = [...args];
}

function managerOf(script: string): string | undefined {
  return /^(?:npm|yarn|pnpm)$/.exec(path.basename(script, '.js'))?.[0];
}

const SHELLS: ReadonlySet<string> = new Set(['bash', 'sh']);
/** They run what Node runs, and more. */
const LOADERS: ReadonlySet<string> = new Set(['bun', 'deno', 'babel-node', 'coffee', 'lsc']);
/** What PM2 runs a file by, as its extension says (its interpreter.json). */
const OF_EXTENSION: ReadonlyMap<string, string> = new Map([
  ['.sh', 'bash'],
  ['.py', 'python3'],
  ['.rb', 'ruby'],
  ['.php', 'php'],
  ['.pl', 'perl'],
  ['.coffee', 'coffee'],
  ['.ls', 'lsc'],
  ['.tsx', 'bun'],
  ...(Reflect.get(process.features, 'typescript') ? [] : ([['.ts', 'bun']] as const)),
]);
