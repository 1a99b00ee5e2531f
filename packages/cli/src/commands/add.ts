// `vhostd add`: a daemon that runs serves another site from now on.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { EXIT_CODES } from '@vhostd/daemon/client';
import { parseConfText } from '@vhostd/master/load-conf';
import { VhostError } from '@vhostd/protocol';
import type { AddSiteResult } from '@vhostd/protocol';
import { addSiteResult, decode } from '@vhostd/protocol/schemas';
import type { Command } from 'commander';
import { urlsOf } from '../addresses.js';
import { terminalWidth, wrapped } from '../columns.js';
import { attempt, nextStepFor } from '../errors.js';
import { addSiteFlags, refuseMissing, siteOfFlags } from '../site-flags.js';
import type { SiteFlags } from '../site-flags.js';
import { workingDirectory } from '../working-directory.js';
import { addClientOptions, orderDaemon, printOutcome, sentences, untilWhen } from './options.js';
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

/** Asks the daemon for it, and prints what came of it. */
export async function addToDaemon(options: ClientOptions, site: object, baseDir: string): Promise<number> {
  const answer = await orderDaemon(options, { method: 'POST', path: '/sites', body: { site, baseDir } });
  const result = decode(addSiteResult, answer, 'site');
  printOutcome(options, result, () => describe(result));
  return result.error === undefined ? EXIT_CODES.ok : EXIT_CODES.failed;
}

function describe(result: AddSiteResult): string[] {
  const { siteId, added, error } = result;
  const what = `${siteId}: ${added ? 'added' : 'is there'}${untilWhen(result)}`;
  if (error !== undefined) {
    const next = nextStepFor(error.code, siteId);
    return [
      ...sentences([`${what}, but it does not serve yet: ${error.message} (${error.code})`]),
      ...(next === undefined ? [] : wrapped(next, terminalWidth() - 2).map((line) => `  ${line}`)),
    ];
  }
  return [what, ...urlsOf(result).map((url) => `  ${url}`)];
}

async function readSite(name: string): Promise<[site: object, baseDir: string]> {
  const file = path.resolve(name);
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new VhostError('ERR_CONF_NOT_FOUND', `${file} cannot be read: ${why}`, { info: { file } });
  }
  const site = await parseConfText('json', file, text);
  if (typeof site === 'object' && site !== null && !Array.isArray(site)) return [site, path.dirname(file)];
  throw new VhostError('ERR_CONF_INVALID', `${file}: expected an object with the fields of one site`, {
    info: { file },
  });
}
