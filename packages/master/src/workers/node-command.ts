// A line as a shell has it, of which only Node is started: what a script of package.json stands for.

/** A command line of Node's. */
export interface NodeCommand {
  readonly env: Readonly<Record<string, string>>;
  readonly execArgv: readonly string[];
  readonly file: string;
  readonly args: readonly string[];
}

/** Reads `NAME=value node --option FILE ARGUMENT`; undefined: it is something else, or needs a shell. */
export function parseCommand(text: string): NodeCommand | undefined {
  const words = wordsOf(text);
  if (words === undefined) return undefined;
  if (words[0] === 'cross-env') words.shift();
  const env: Record<string, string> = {};
  while (words[0] !== undefined && ASSIGNMENT.test(words[0])) {
    const [name = '', ...value] = (words.shift() ?? '').split('=');
    env[name] = value.join('=');
  }
  const program = words.shift() ?? '';
  const loader = LOADER_OPTIONS.get(program);
  if (program !== 'node' && loader === undefined) return undefined;
  // Their own options, and `watch`, have no counterpart.
  if (loader !== undefined && (words[0]?.startsWith('-') === true || words[0] === 'watch')) return undefined;
  const execArgv = [...(loader ?? [])];
  while (words[0]?.startsWith('-') === true) {
    const option = words.shift() ?? '';
    if (option === '--') break;
    const [name = ''] = option.split('=');
    if (WITHOUT_FILE.test(name)) return undefined;
    execArgv.push(option);
    if (WITH_VALUE.has(option)) execArgv.push(words.shift() ?? '');
  }
  const [file, ...args] = words;
  return file === undefined ? undefined : { env, execArgv, file, args };
}

/** Words as a shell has them; undefined where only a shell knows what they mean. */
export function wordsOf(text: string): string[] | undefined {
  if (text.length > TEXT_MAX_CHARS) return undefined;
  const words = text.trim().match(WORD) ?? [];
  if (words.join('').length !== text.trim().length) return undefined;
  return words.map((word) => word.trim().replaceAll(QUOTED, '$1$2'));
}

/** What starts a Node of its own to load TypeScript, and how Node does the same in one process. */
export const LOADER_OPTIONS: ReadonlyMap<string, readonly string[]> = new Map([
  ['tsx', ['--import', 'tsx']],
  ['ts-node', ['--require', 'ts-node/register']],
]);
const ASSIGNMENT = /^[A-Za-z_][A-Za-z0-9_]*=/;
/** Options of Node's whose value is a word of its own. */
const WITH_VALUE: ReadonlySet<string> = new Set([
  '-r',
  '--require',
  '--import',
  '--loader',
  '--experimental-loader',
  '-C',
  '--conditions',
  '--env-file',
  '--env-file-if-exists',
  '--max-http-header-size',
  '--title',
]);
/** With these Node runs no file, or runs it in a process of its own. */
const WITHOUT_FILE =
  /^(?:-e|-p|-pe|-i|-c|-h|-v|--eval|--print|--interactive|--check|--test|--watch(?:-path)?|--run|--help|--version)$/;
/** Plain letters, and quotes within which nothing is special. */
const WORD = /(?:"[^"$`\\]*"|'[^']*'|[^\s"'$`\\&|;<>(){}*?#~![\]])+(?:\s+|$)/g;
const QUOTED = /"([^"]*)"|'([^']*)'/g;
/** Of a script: who may write it may not be trusted, and reading it takes its length squared at worst. */
const TEXT_MAX_CHARS = 4096;
