// `vhostd start`: a site that was stopped runs again; or an app runs, of a daemon in the background.
import { EXIT_CODES } from '@vhostd/daemon/client';
import { VhostError } from '@vhostd/protocol';
import { decode, switchResult } from '@vhostd/protocol/schemas';
import type { Command } from 'commander';
import { startDaemon } from '../background.js';
import { attempt } from '../errors.js';
import { addSiteFlags, hasSiteFlags, isApp, siteOfFlags } from '../site-flags.js';
import type { SiteFlags } from '../site-flags.js';
import { addToDaemon } from './add.js';
import { addClientOptions, orderSite, printOutcome, stateDirOption, untilWhen } from './options.js';
import type { ClientOptions } from './options.js';

interface StartOptions extends ClientOptions, SiteFlags {
  stateDir?: string;
}

export function addStartCommand(program: Command): void {
  const command = program
    .command('start')
    .summary('start a site that was stopped, or an app in the background')
    .description(
      'Starts a site that vhostd stop has stopped, with the conf as it was last read. Or an app without a conf: in the ' +
        'background, of the daemon that runs, or of one that is started for it; as vhostd add keeps it. An app is what ' +
        'has a slash in it, or flags behind it, or is no site but a file or directory.',
    )
    .argument('<site or app>', 'its siteId, or a file or directory that a worker runs')
    .argument('[args...]', "the app's arguments, behind --")
    .addOption(stateDirOption());
  addClientOptions(addSiteFlags(command)).action((name: string, args: string[], options: StartOptions) =>
    attempt(options, () => start(name, args, options)),
  );
}

async function start(name: string, args: readonly string[], options: StartOptions): Promise<number> {
  const saysApp = /^\.{1,2}$|\//u.test(name) || hasSiteFlags(options) || args.length > 0;
  if (saysApp) return await startApp(name, args, options);
  try {
    const result = decode(switchResult, await orderSite(options, name, 'start'), 'start');
    printOutcome(options, result, () => [`${result.siteId}: started${untilWhen(result)}`]);
    return EXIT_CODES.ok;
  } catch (error) {
    const noSite = error instanceof VhostError && NO_SITE.has(error.code);
    if (!noSite || !isApp(name)) throw error;
  }
  return await startApp(name, args, options);
}

async function startApp(app: string, args: readonly string[], options: StartOptions): Promise<number> {
  if (!isApp(app)) {
    throw new VhostError('ERR_SITE_FILE', `${app}: there is no such file or directory`, {
      info: { file: app },
    });
  }
  const started = await startDaemon(options);
  if (started !== undefined && options.json !== true) {
    process.stdout.write(
      `vhostd runs in the background, process ${started.pid}; its log is ${started.log}\n`,
    );
  }
  return await addToDaemon(options, siteOfFlags(app, args, options), process.cwd());
}

const NO_SITE: ReadonlySet<string> = new Set(['ERR_SITE_UNKNOWN', 'ERR_DAEMON_NOT_RUNNING']);
