// What is said of a command line that cannot be understood: for a person, not for one who writes parsers.
import { wrapped } from './columns.js';
import { printable } from './printable.js';

/** What commander says, in this command's words; `usage` is what there is to type where something is missing. */
export function usageError(text: string, usage?: string): string {
  const { name, argument = name, value, why } = INVALID.exec(text.trimEnd())?.groups ?? {};
  const said =
    value === undefined
      ? text.trimEnd().replace(/^error: /u, '')
      : `${argument} '${value}' is invalid. ${why}`;
  const option = /^unknown option '(?<name>[^'=]+)/u.exec(said)?.groups?.['name'] ?? '';
  const here = OF_NODE.has(option)
    ? '; that is one of Node itself, wherever it stands: here it is --envfile FILE'
    : Object.hasOwn(PM2_OPTIONS, option)
      ? `; what PM2 calls so is here: ${PM2_OPTIONS[option]}`
      : '';
  const next = usage !== undefined && said.startsWith('missing required') ? `\n  ${usage}` : '';
  // What else there is says more than what is spelled alike.
  const kept = here === '' ? said : said.replace(/\n\(Did you mean .*$/su, '');
  return `${shown(`vhostd: ${kept}${here}`)}${next}\n`;
}

/** Broken between words where it is wider than the terminal; without a terminal it stays as it is. */
export function shown(text: string): string {
  const width = process.stderr.columns ?? Infinity;
  return printable(text)
    .split('\n')
    .flatMap((line) => (line.length > width ? wrapped(line, width) : [line]))
    .join('\n');
}

const INVALID =
  /^error: (?:command-argument value|option '(?:-\w, )?(?<name>--[\w-]+)[^']*' argument) '(?<value>.*?)' is invalid(?: for argument '(?<argument>\w+)')?\. (?<why>.*)$/su;

/** Options that Node looks for behind the name of the program as well. */
const OF_NODE: ReadonlySet<string> = new Set(['--env-file', '--env-file-if-exists']);

/** An option of `pm2 start` → what to type. */
const PM2_OPTIONS: Readonly<Record<string, string>> = {
  '-i': '-n COUNT, or -n max',
  '--instances': '-n COUNT, or -n max',
  '--watch': 'vhostd dev APP, or "watch": true in the conf',
  '--max-memory-restart': '"memoryLimit" in the conf',
  '--cron': '"cron" in the conf',
  '--cron-restart': '"cron" in the conf',
  '--no-daemon': 'vhostd run APP',
  '--no-autorestart': '"autorestart": false in the conf',
  '--interpreter': '"interpreter" in the conf',
  '--node-args': '"execArgv" of "workerOptions" in the conf',
  '--update-env': 'nothing: vhostd reload reads variables anew',
  '--uid': '--user USER',
  '--gid': '"group" in the conf',
  '--cwd': 'vhostd start APP --cwd DIR, or "cwd" of "workerOptions" in the conf',
  '-o': '"logOutput" in the conf',
  '--output': '"logOutput" in the conf',
  '-e': '"logError" in the conf',
  '--error': '"logError" in the conf',
  '-l': '"logAll" in the conf',
  '--log': '"logAll" in the conf',
  '--merge-logs': 'nothing: the workers of a site share its logs',
  '--kill-timeout': '"stopTimeout" in the conf',
  '--listen-timeout': '"bootTimeout" in the conf',
  '--wait-ready': '"waitReady" in the conf',
  '--max-restarts': '"intensity" of "restart" in the conf',
  '--restart-delay': '"backoffMin" of "restart" in the conf',
  '--exp-backoff-restart-delay': '"backoffMin" of "restart" in the conf',
  '--interpreter-args': '"execArgv" of "workerOptions" in the conf',
  '--source-map-support': '"execArgv": ["--enable-source-maps"] of "workerOptions" in the conf',
  '--ignore-watch': 'a .gitignore in the directory of the site',
  '--attach': 'vhostd logs -f SITE',
  '--nostream': 'nothing: vhostd logs ends by itself without -f',
  '--no-stream': 'nothing: vhostd logs ends by itself without -f',
  '--force': 'nothing: --name makes it a second site',
  '--only': 'vhostd reload SITE',
  '-c': '"cron" in the conf',
};
