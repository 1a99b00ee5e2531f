// `vhostd logs`: what the workers of sites have printed, and what they print.
import { setTimeout as delay } from 'node:timers/promises';
import { EXIT_CODES } from '@vhostd/daemon/client';
import { withoutControls } from '@vhostd/master/screen-lines';
import { InvalidArgumentError } from 'commander';
import type { Command } from 'commander';
import { colour } from '../colours.js';
import { parseDuration } from '../duration.js';
import { attempt } from '../errors.js';
import { logSources } from '../logs/log-sources.js';
import { inOrder, SiteLog } from '../logs/site-log.js';
import type { LogEntry, LogSource } from '../logs/site-log.js';
import { addClientOptions, stateDirOption } from './options.js';
import type { ClientOptions } from './options.js';

interface LogsOptions extends ClientOptions {
  follow?: true;
  lines: number;
  err?: true;
  grep?: RegExp;
  since?: string;
  time?: true;
  stateDir?: string;
}

export function addLogsCommand(program: Command): void {
  const command = program
    .command('logs')
    .summary('show what the sites print')
    .description(
      'Shows the last lines that the workers of a site, or of all sites, have printed. It needs no daemon that runs.',
    )
    .argument('[site]', 'its siteId')
    .option('-f, --follow', 'go on with what comes, until Ctrl-C')
    .option('-n, --lines <count>', 'how many lines of each log', parseCount, 20)
    .option('--err', 'only standard error')
    .option('--grep <regexp>', 'only lines that match, of all that there are', parseRegExp)
    .option(
      '--since <when>',
      'only lines since then: 10m ago, or a time such as 2026-11-27T08:00Z',
      parseSince,
    )
    .option('--time', 'show when each line was written')
    .addOption(stateDirOption());
  addClientOptions(command).action((site: string | undefined, options: LogsOptions) =>
    attempt(options, () => logs(site, options)),
  );
}

async function logs(site: string | undefined, options: LogsOptions): Promise<number> {
  const open = new Map<string, SiteLog>();
  for (const source of await logSources(options, site)) openLog(open, source, options);
  // Of all that is asked for by its time, nothing is left out.
  const count = options.since === undefined ? options.lines : Infinity;
  print(inOrder([...open.values()].map((log) => log.last(count))), options);
  if (options.follow !== true) return EXIT_CODES.ok;
  // Whoever reads may be gone.
  const gone = new Promise<void>((resolve) => process.stdout.once('error', () => resolve()));
  for (let looks = 1; ; looks++) {
    if (await Promise.race([gone.then(() => true), delay(FOLLOW_MS, false)])) return EXIT_CODES.ok;
    if (looks % SOURCES_EACH === 0) await openNew(open, site, options);
    print(inOrder([...open.values()].map((log) => log.more())), options);
  }
}

/** Sites may have come. */
async function openNew(
  open: Map<string, SiteLog>,
  site: string | undefined,
  options: LogsOptions,
): Promise<void> {
  for (const source of await logSources(options, site)) {
    if (open.has(source.file)) continue;
    const log = openLog(open, source, options);
    print(log.last(Infinity), options);
  }
}

function openLog(open: Map<string, SiteLog>, source: LogSource, options: LogsOptions): SiteLog {
  const { err, grep, since } = options;
  const log = new SiteLog(source, { err: err === true, grep, since });
  open.set(source.file, log);
  return log;
}

function print(entries: readonly LogEntry[], options: LogsOptions): void {
  if (entries.length === 0) return;
  const lines = entries.map((entry) =>
    options.json === true ? JSON.stringify(entry) : shown(entry, options),
  );
  process.stdout.write(`${lines.join('\n')}\n`);
}

function shown({ siteId, workerId, stream, time, line }: LogEntry, options: LogsOptions): string {
  const when = options.time === true ? `${time ?? UNKNOWN_TIME} ` : '';
  const name = workerId ?? siteId;
  const prefix = stream === 'stderr' ? colour('red', name) : name;
  return `${when}${prefix} | ${process.stdout.isTTY ? withoutControls(line) : line}`;
}

function parseCount(text: string): number {
  const count = Number(text);
  if (!Number.isSafeInteger(count) || count < 0)
    throw new InvalidArgumentError('It is not a number of lines.');
  return count;
}

function parseRegExp(text: string): RegExp {
  try {
    return new RegExp(text, 'u');
  } catch (error) {
    throw new InvalidArgumentError(error instanceof Error ? error.message : String(error));
  }
}

function parseSince(text: string): string {
  const agoMs = parseDuration(text);
  const sinceMs = agoMs === undefined ? Date.parse(text) : Date.now() - agoMs;
  if (Number.isNaN(sinceMs))
    throw new InvalidArgumentError("It is neither a duration such as '10m' nor a time.");
  return new Date(sinceMs).toISOString();
}

/** How often files are looked at, ms. */
const FOLLOW_MS = 250;
/** Looks between two at which files there are. */
const SOURCES_EACH = 8;
/** As wide as a time. */
const UNKNOWN_TIME = '-'.padEnd(24);
