// `vhostd start`: a site that was stopped runs again; or a conf, or an app, of a daemon in the background.
import path from 'node:path';
import { EXIT_CODES, resolveStateDir } from '@vhostd/daemon/client';
import { AddedSites } from '@vhostd/master/added-sites';
import { loadConf } from '@vhostd/master/load-conf';
import { SHOWN_SITE_STATES, VhostError } from '@vhostd/protocol';
import type { SwitchResult } from '@vhostd/protocol';
import { changeSiteResult, decode, switchResult } from '@vhostd/protocol/schemas';
import type { Command } from 'commander';
import { addressTable } from '../addresses.js';
import { loadedStatus, startDaemon } from '../background.js';
import type { StartedDaemon } from '../background.js';
import { confFile, foundConfFiles, isConfFile } from '../conf-file.js';
import { keepConf, keptConf } from '../last-conf.js';
import { attempt } from '../errors.js';
import {
  addSiteFlags,
  changeOfFlags,
  hasSiteFlags,
  isApp,
  isPackageManager,
  refuseMissing,
  siteIdOf,
  siteOfFlags,
  workerFileOf,
} from '../site-flags.js';
import type { SiteFlags } from '../site-flags.js';
import { workingDirectory } from '../working-directory.js';
import { siteDetailOf } from '../site-detail.js';
import { addToDaemon, describeChanged } from './add.js';
import { allMeant, orderEach } from './all-sites.js';
import { addClientOptions, clientOf, orderSite, printOutcome, sentences } from './options.js';
import { stateDirOption, untilWhen, whileShown } from './options.js';
import type { ClientOptions } from './options.js';

interface StartOptions extends ClientOptions, SiteFlags {
  /** False: none. */
  config?: string | false;
  stateDir?: string;
}

export function addStartCommand(program: Command): void {
  const command = program
    .command('start')
    .summary('start a conf or an app in the background, or a site that was stopped')
    .description(
      'Without an argument, or with a conf file: runs its sites in the background, and those that were added; where there ' +
        'is no conf, these alone. With a siteId: starts a site that ' +
        'vhostd stop has stopped, with the conf as it was last read. With an app: runs it in the background, of the ' +
        'daemon that runs or of one that is started for it, as vhostd add keeps it. An app is what has a slash in it, ' +
        'or flags behind it, or is no site but a file or directory.',
    )
    .argument('[site or app]', 'its siteId, or a file or directory that a worker runs')
    .argument('[args...]', "the app's arguments, behind --")
    .option('--config <file>', 'conf file (default: the vhostd.config.* of the working directory)')
    .option('--no-config', 'without a conf: the sites that were added')
    .addOption(stateDirOption());
  addClientOptions(addSiteFlags(command)).action(
    (name: string | undefined, args: string[], options: StartOptions) =>
      attempt(options, () => start(name, args, options)),
  );
}

async function start(
  name: string | undefined,
  args: readonly string[],
  options: StartOptions,
): Promise<number> {
  if (name === undefined || isConfFile(name) || options.config !== undefined) {
    if (hasSiteFlags(options) || args.length > 0 || (name !== undefined && options.config !== undefined)) {
      throw new VhostError(
        'ERR_SITE_OPTION',
        'give either a conf, or an app with its flags: vhostd start ./shop --port 8080',
      );
    }
    if (name === undefined && startsWithoutConf(options)) {
      const code = await startSource(['--no-config'], addedCount(options), options);
      const before = options.config === false ? undefined : keptConf(stateDirFor(options));
      if (before !== undefined && options.json !== true) {
        const text = `these were added; the conf that ran before is ${before}: vhostd stop, then vhostd start ${before} runs both`;
        process.stdout.write(`${sentences([text]).join('\n')}\n`);
      }
      return code;
    }
    return await startConf(confToStart(name ?? (options.config || undefined), options), options);
  }
  const isPath = /^\.{1,2}$|\//u.test(name);
  if (isPath || hasSiteFlags(options) || args.length > 0) {
    const changed = isPath || options.name !== undefined ? undefined : await changeSite(name, args, options);
    return changed ?? (await startApp(name, args, options));
  }
  try {
    const order = async (siteId: string): Promise<SwitchResult> =>
      decode(switchResult, await orderSite(options, siteId, 'start'), 'start');
    const all = isApp(name) ? undefined : await allMeant(options, name);
    if (all !== undefined) {
      const down = all
        .filter(({ state }) => ['off', 'failed'].includes(SHOWN_SITE_STATES[state].verdict))
        .map(({ siteId }) => siteId);
      return await orderEach(options, down, order, describeStarted, 'all sites run');
    }
    const result = await order(name);
    printOutcome(options, result, () => [describeStarted(result)]);
    return EXIT_CODES.ok;
  } catch (error) {
    const noSite = error instanceof VhostError && NO_SITE.has(error.code);
    if (noSite && PROGRAM.test(name)) refuseMissing(name);
    if (noSite && isPackageManager(name)) {
      const message = `say which script of package.json: vhostd start ${name} -- start`;
      throw new VhostError('ERR_SITE_OPTION', message);
    }
    if (!noSite || !isApp(name)) throw error;
  }
  return await startApp(name, args, options);
}

/** It is asked for, or there is none, and operators have added sites. */
function startsWithoutConf(options: StartOptions): boolean {
  if (options.config !== undefined) return options.config === false;
  return foundConfFiles(workingDirectory()).length === 0 && addedCount(options) > 0;
}

/** How many sites were added before and are kept. */
function addedCount(options: StartOptions): number {
  return new AddedSites(stateDirFor(options)).list().length;
}

function stateDirFor(options: StartOptions): string {
  return path.resolve(options.stateDir ?? resolveStateDir(options));
}

/** @throws {VhostError} ERR_CONF_NOT_FOUND, with the conf that ran before. */
function confToStart(given: string | undefined, options: StartOptions): string {
  try {
    return confFile(given);
  } catch (error) {
    const before = given === undefined ? keptConf(stateDirFor(options)) : undefined;
    if (before !== undefined && error instanceof VhostError) {
      error.info['next'] =
        `vhostd init writes one for the app of this directory; the one that ran before:\nvhostd start ${before}`;
    }
    throw error;
  }
}

async function startConf(config: string, options: StartOptions): Promise<number> {
  // What is wrong with it is told here, not in the log of a daemon that has ended.
  const { sites } = await loadConf(config);
  const code = await startSource(['--config', config], sites.length, options);
  keepConf(stateDirFor(options), config);
  return code;
}

/** `siteCount`: how many there are at least. */
async function startSource(
  source: readonly string[],
  siteCount: number,
  options: StartOptions,
): Promise<number> {
  const started = await startDaemon(source, options);
  if (started === undefined) {
    const { conf } = await clientOf(options).status();
    const message =
      conf === undefined
        ? 'a daemon without a conf runs already; vhostd add adds a site to it'
        : `a daemon runs already, of ${conf}; vhostd reload has it read that anew`;
    throw new VhostError('ERR_DAEMON_RUNNING', message);
  }
  printStarted(started, options);
  const { sites } = await whileShown(options, (client) => loadedStatus(client, started, siteCount));
  const addresses = options.json === true ? [] : await addressTable(clientOf(options));
  const failed = sites.filter(({ reason }) => reason !== undefined);
  printOutcome(options, { ...started, sites }, () => [
    ...sentences(failed.map(({ siteId, reason = '' }) => `${siteId}: does not serve: ${reason}`)),
    ...addresses,
  ]);
  return failed.length === 0 ? EXIT_CODES.ok : EXIT_CODES.failed;
}

function printStarted({ pid, log }: StartedDaemon, { json }: StartOptions): void {
  if (json === true) return;
  process.stdout.write(`vhostd runs in the background, process ${pid}\n  its log: ${log}\n`);
}

async function startApp(app: string, args: readonly string[], options: StartOptions): Promise<number> {
  refuseMissing(app);
  const site = siteOfFlags(app, args, options);
  const started = await startDaemon(['--no-config'], options);
  if (started !== undefined) printStarted(started, options);
  try {
    return await addToDaemon(options, site, workingDirectory());
  } catch (error) {
    const isThere = error instanceof VhostError && error.code === 'ERR_SITE_EXISTS';
    if (!isThere || !(await isAddedAs(site, options))) throw error;
  }
  // What was typed anew is what is to be otherwise.
  return (await changeSite(siteIdOf(site), args, options)) ?? EXIT_CODES.failed;
}

/** Whether a site of this name was added, and runs the same. */
async function isAddedAs(site: Readonly<Record<string, unknown>>, options: StartOptions): Promise<boolean> {
  const { added, conf } = await siteDetailOf(clientOf(options), siteIdOf(site));
  return added === true && conf['workerFile'] === workerFileOf(site);
}

/**
 * Gives a site that was added what the flags say; undefined: there is no such site.
 * @throws {VhostError} ERR_SITE_IN_CONF, and what is wrong with them.
 */
async function changeSite(
  siteId: string,
  args: readonly string[],
  options: StartOptions,
): Promise<number | undefined> {
  try {
    const body = changeOfFlags(args, options);
    const result = decode(changeSiteResult, await orderSite(options, siteId, 'change', { body }), 'change');
    printOutcome(options, result, () => describeChanged(result));
    return result.error === undefined ? EXIT_CODES.ok : EXIT_CODES.failed;
  } catch (error) {
    if (!(error instanceof VhostError)) throw error;
    if (NO_SITE.has(error.code)) return undefined;
    if (error.code === 'ERR_SITE_IN_CONF') {
      error.info['next'] =
        `vhostd scale ${siteId} N changes the number of its workers; the rest: its fields in the conf, then vhostd reload ${siteId}`;
    }
    throw error;
  }
}

function describeStarted(result: SwitchResult): string {
  return `${result.siteId}: started${untilWhen(result)}`;
}

const NO_SITE: ReadonlySet<string> = new Set(['ERR_SITE_UNKNOWN', 'ERR_DAEMON_NOT_RUNNING']);
/** What somebody who types it means as a file. */
const PROGRAM = /\.[cm]?[jt]s$/u;
