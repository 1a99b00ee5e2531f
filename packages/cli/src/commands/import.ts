// `vhostd import`: a conf out of what PM2 and nginx have, and what is to be done by hand.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { EXIT_CODES } from '@vhostd/daemon/client';
import { VhostError } from '@vhostd/protocol';
import type { Command } from 'commander';
import { wrapped } from '../columns.js';
import { attempt } from '../errors.js';
import type { CommonOptions } from '../errors.js';
import { joinSources } from '../import/join-sources.js';
import type { JoinedSite, ServerRemarks } from '../import/join-sources.js';
import type { Remark } from '../import/draft.js';
import { readSource } from '../import/read-source.js';
import { runningAppAt } from '../import/running-app.js';
import { printableLine } from '../printable.js';
import { counted } from '../counted.js';
import { logLevelOption } from './options.js';

interface ImportOptions extends CommonOptions {
  env?: string;
  json?: true;
  output?: string;
}

export function addImportCommand(program: Command): void {
  program
    .command('import')
    .summary('make a conf of an ecosystem file of PM2, or of nginx')
    .description(
      "Reads PM2's ecosystem files (.js, .cjs, .mjs, .json, .yaml), what pm2 save wrote (~/.pm2/dump.pm2), and nginx's " +
        'blocks server with what they include. Given together, a server gives its hosts to the app at the port of its ' +
        'proxy_pass. The conf goes to standard output; what was taken and what was not goes to standard error.',
    )
    .argument('<files...>', 'of PM2 and of nginx; a script is run, as PM2 runs it')
    .option('-o, --output <file>', 'write the conf to this file, which must not be there yet')
    .option('--env <name>', 'add env_NAME of an ecosystem file')
    .option('--json', 'print { conf, sites, left } as JSON, for programs')
    .addOption(logLevelOption('debug shows the stack of an error'))
    .action((files: string[], options: ImportOptions) => attempt(options, () => importFiles(files, options)));
}

async function importFiles(files: readonly string[], options: ImportOptions): Promise<number> {
  const sources = [];
  for (const file of files) sources.push(await readSource(path.resolve(file), options.env));
  const { sites, left } = joinSources(
    sources.flatMap(({ apps }) => apps),
    sources.flatMap(({ servers }) => servers),
    runningAppAt,
  );
  const unread = sources.flatMap((source) => source.unread);
  const text = `${JSON.stringify({ sites: sites.map(({ site }) => site) }, null, 2)}\n`;
  if (options.output !== undefined) writeNew(path.resolve(options.output), text);
  if (options.json === true) {
    const conf: unknown = JSON.parse(text);
    process.stdout.write(`${JSON.stringify({ conf, sites: sites.map(shownSite), left, unread }, null, 2)}\n`);
    return EXIT_CODES.ok;
  }
  if (options.output === undefined) process.stdout.write(text);
  process.stderr.write(report(sites, left, unread, options.output));
  return EXIT_CODES.ok;
}

/** Nothing that is there is written over. */
function writeNew(file: string, text: string): void {
  try {
    writeFileSync(file, text, { flag: 'wx' });
  } catch (cause) {
    const why =
      cause instanceof Error && 'code' in cause && cause.code === 'EEXIST'
        ? 'it is there already'
        : String(cause);
    throw new VhostError('ERR_IMPORT_OUTPUT', `${file} is not written: ${why}`, { info: { file }, cause });
  }
}

function shownSite({ site, ...said }: JoinedSite): object {
  return { siteId: site.siteId, ...said };
}

function report(
  sites: readonly JoinedSite[],
  left: readonly ServerRemarks[],
  unread: readonly string[],
  output = 'FILE',
): string {
  const lines = sites.flatMap(({ source, site, remarks, servers }) => [
    `${site.siteId}, of ${path.basename(source)}`,
    ...linesOf(remarks),
    ...servers.flatMap((server) => [`  ${titleOf(server)}`, ...linesOf(server.remarks)]),
  ]);
  for (const server of left) lines.push(`no site: ${titleOf(server)}`, ...linesOf(server.remarks));
  for (const file of unread) lines.push(`not read: include ${file}`);
  const all = [...sites, ...sites.flatMap(({ servers }) => servers), ...left].flatMap(
    ({ remarks }) => remarks,
  );
  const todoCount = all.filter((remark) => 'todo' in remark).length;
  lines.push(`${counted(sites.length, 'site')}, ${todoCount} to look at`);
  lines.push(`next: vhostd check ${output}`);
  const width = process.stderr.columns ?? Infinity;
  return `${lines.flatMap((line) => indented(printableLine(line), width)).join('\n')}\n`;
}

/** Broken between words, each line as far in as the first. */
function indented(line: string, width: number): string[] {
  const indent = /^ */u.exec(line)?.[0] ?? '';
  return wrapped(line.slice(indent.length), width - indent.length).map((part) => indent + part);
}

function titleOf({ name, source }: ServerRemarks): string {
  return `${name} of ${path.basename(source)}`;
}

/** What was taken, in one line each; then what was left, and below it what to do. */
function linesOf(remarks: readonly Remark[]): string[] {
  const lines = (each: Remark): string[] =>
    'taken' in each
      ? [`  taken  ${each.field}: ${each.taken}`]
      : [`  left   ${each.field}`, `           ${each.todo}`];
  const [taken, left] = [true, false].map((isTaken) => remarks.filter((each) => 'taken' in each === isTaken));
  return [...(taken ?? []), ...(left ?? [])].flatMap(lines);
}
