// `vhostd add`: a daemon that runs serves another site from now on.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { EXIT_CODES } from '@vhostd/daemon/client';
import { parseConfText } from '@vhostd/master/load-conf';
import { VhostError } from '@vhostd/protocol';
import type { AddSiteResult, ChangeSiteResult } from '@vhostd/protocol';
import { addSiteResult, decode } from '@vhostd/protocol/schemas';
import type { Command } from 'commander';
import { urlsOf } from '../addresses.js';
import { terminalWidth } from '../columns.js';
import { adviceLines, attempt, nextStepFor } from '../errors.js';
import { adviceOnFailure, adviceOnRefusal } from '../add-advice.js';
import { hintAtSilence } from '../no-server-hint.js';
import { addSiteFlags, programOf, refuseMissing, siteIdOf, siteOfFlags } from '../site-flags.js';
import type { SiteFlags } from '../site-flags.js';
import { typedCommand } from '../typed-command.js';
import { workingDirectory } from '../working-directory.js';
import { addClientOptions, clientOf, orderDaemon, printOutcome, sentences, untilWhen } from './options.js';
import type { ClientOptions } from './options.js';

interface AddOptions extends ClientOptions, SiteFlags {
  file?: string;
}

export function addAddCommand(program: Command): void {
  const command = program
    .command('add')
    .summary('serve another site, without a conf')
    .description(
      'Adds a site to a daemon that runs: an app with flags, or the fields of a site in a JSON file. It is kept in the ' +
        'state directory, so that the next daemon has it too, until vhostd remove.',
    )
    .argument('[app]', 'file or directory that a worker runs')
    .argument('[args...]', 'its arguments, behind --')
    .option('--file <json>', 'file with the fields of one site, as in sites[] of a conf');
  addClientOptions(addSiteFlags(command)).action(
    (app: string | undefined, args: string[], options: AddOptions) =>
      attempt(options, () => add(app, args, options)),
  );
}

async function add(app: string | undefined, args: readonly string[], options: AddOptions): Promise<number> {
  if ((app === undefined) === (options.file === undefined)) {
    throw new VhostError(
      'ERR_SITE_OPTION',
      'give either an app or --file: vhostd add ./shop --host shop.localhost',
    );
  }
  if (options.file !== undefined) return await addToDaemon(options, ...(await readSite(options.file)));
  if (app !== undefined) refuseMissing(app);
  return await addToDaemon(options, siteOfFlags(app ?? '', args, options), workingDirectory());
}

/**
 * Asks the daemon for it, and prints what came of it. What fails says what to type next, by the flags that were given.
 * @throws {VhostError} what the daemon answers.
 */
export async function addToDaemon(
  options: ClientOptions & SiteFlags,
  site: Readonly<Record<string, unknown>>,
  baseDir: string,
): Promise<number> {
  const stopHint = hintOf(options, site);
  const order = orderDaemon(options, { method: 'POST', path: '/sites', body: { site, baseDir } });
  try {
    const result = decode(addSiteResult, await order, 'site');
    printOutcome(options, result, () => describeAdded(result, site, options));
    return result.error === undefined ? EXIT_CODES.ok : EXIT_CODES.failed;
  } catch (error) {
    if (error instanceof VhostError) {
      const next = adviceOnRefusal(error.code, siteIdOf(site), options);
      if (next !== undefined) error.info['next'] ??= next;
    }
    throw error;
  } finally {
    stopHint();
  }
}

/** For a program that does not listen. */
export function hintOf(
  options: ClientOptions & SiteFlags,
  site: Readonly<Record<string, unknown>>,
): () => void {
  if (options.json === true || site['listen'] === undefined) return () => undefined;
  return hintAtSilence(clientOf(options), siteIdOf(site), typedCommand({ '--no-server': [] }));
}

function describeAdded(
  result: AddSiteResult,
  site: Readonly<Record<string, unknown>>,
  options: SiteFlags,
): string[] {
  const { siteId, added, error } = result;
  const what = `${siteId}: ${added ? 'added' : 'is there'}${untilWhen(result)}`;
  if (error !== undefined) {
    const next = adviceOnFailure(error, siteId, options) ?? nextStepFor(error.code, siteId);
    return [
      ...sentences([`${what}, but it does not serve yet: ${error.message} (${error.code})`]),
      ...indented(next),
    ];
  }
  const program = programOf(String(site['path']));
  const note = program === undefined ? undefined : `run by ${program}: vhostd gives it no connections`;
  return [what, ...urlsOf(result).map((url) => `  ${url}`), ...indented(note)];
}

/** The lines about a site that was changed. */
export function describeChanged(result: ChangeSiteResult): string[] {
  const { siteId, changed, error } = result;
  const what = `${siteId}: ${changed ? 'changed' : 'is there'}${untilWhen(result)}`;
  if (error === undefined) return [what, ...urlsOf(result).map((url) => `  ${url}`)];
  const text = `${what}, but new workers fail, and those before serve on if there are any: ${error.message} (${error.code})`;
  // Nobody tries it again while workers of before serve.
  const next =
    error.code === 'ERR_LISTEN_ADDRESS_IN_USE'
      ? `ss -ltnp names who has it; once it is free: vhostd reload ${siteId}`
      : nextStepFor(error.code, siteId);
  return [...sentences([text]), ...indented(next)];
}

function indented(text: string | undefined): string[] {
  return text === undefined ? [] : adviceLines(text, terminalWidth());
}

async function readSite(name: string): Promise<[site: Readonly<Record<string, unknown>>, baseDir: string]> {
  const file = path.resolve(name);
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new VhostError('ERR_CONF_NOT_FOUND', `${file} cannot be read: ${why}`, { info: { file } });
  }
  const site = await parseConfText('json', file, text);
  if (typeof site === 'object' && site !== null && !Array.isArray(site))
    return [{ ...site }, path.dirname(file)];
  throw new VhostError('ERR_CONF_INVALID', `${file}: expected an object with the fields of one site`, {
    info: { file },
  });
}
