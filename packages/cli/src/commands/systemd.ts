// `vhostd systemd`: units that fit this machine, printed, installed or removed.
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { EXIT_CODES } from '@vhostd/daemon/client';
import { loadConf } from '@vhostd/master/load-conf';
import type { MasterConf } from '@vhostd/master';
import { VhostError } from '@vhostd/protocol';
import { Argument } from 'commander';
import type { Command } from 'commander';
import { checkFiles } from '../check/check-files.js';
import { confFile } from '../conf-file.js';
import { attempt } from '../errors.js';
import { typedCommand } from '../typed-command.js';
import { shown } from '../usage-error.js';
import { serviceUnit, socketUnit } from '../systemd/unit-text.js';
import { installUnits, systemdOf, systemdVersion, uninstallUnits } from '../systemd/units.js';
import type { Systemd } from '../systemd/units.js';
import { logLevelOption, printOutcome } from './options.js';

interface SystemdOptions {
  config?: string | false;
  json?: true;
  socket?: boolean;
  user?: boolean;
  serviceUser?: string;
  logLevel?: string;
}

type Action = 'print' | 'install' | 'uninstall';

export function addSystemdCommand(program: Command): void {
  program
    .command('systemd')
    .summary('let systemd run vhostd: print, install or remove its units')
    .description(
      'Makes units for the sites of a conf file that fit the systemd of this machine. print writes them to stdout only; ' +
        'install writes them where systemd finds them and enables them; uninstall stops the service and removes them. ' +
        'A unit that was not made by this command is left alone.',
    )
    .addArgument(new Argument('<action>', 'what to do').choices(['print', 'install', 'uninstall']))
    .option('--config <file>', 'conf file (default: the vhostd.config.* of the working directory)')
    .option('--no-config', 'of a daemon without a conf: the sites that vhostd start and add have added')
    .option('--socket', 'a socket unit as well: systemd listens on the addresses of the conf')
    .option('--user', "units of this user's own systemd")
    .option(
      '--service-user <name>',
      'whom the service runs as; root: for sites with a user of their own',
      'vhostd',
    )
    .option('--json', 'print units, or the files that were written or removed, as JSON, for programs')
    .addOption(logLevelOption('debug shows the stack of an error'))
    .action((action: Action, options: SystemdOptions) =>
      attempt(options, async () => {
        const systemd = systemdOf(options.user === true ? 'user' : 'system');
        if (action === 'uninstall') uninstall(systemd, options);
        else await make(action, systemd, options);
        return EXIT_CODES.ok;
      }),
    );
}

async function make(action: 'print' | 'install', systemd: Systemd, options: SystemdOptions): Promise<void> {
  const units = await unitsOf(systemd, options);
  if (action === 'print') {
    const text = Object.values(units).join('\n');
    process.stdout.write(options.json === true ? `${JSON.stringify({ units }, null, 2)}\n` : text);
    return;
  }
  if (options.user !== true) assertUser(options.serviceUser ?? 'root');
  const names = Object.keys(units);
  const written = installUnits(systemd, units, names);
  const systemctl = options.user === true ? 'systemctl --user' : 'systemctl';
  printOutcome(options, { written }, () => [
    ...written.map((file) => `wrote ${file}`),
    `enabled; ${systemctl} start ${names.join(' ')} starts it now`,
  ]);
}

function uninstall(systemd: Systemd, options: SystemdOptions): void {
  const removed = uninstallUnits(systemd, [SOCKET, SERVICE]);
  printOutcome(options, { removed }, () =>
    removed.length === 0 ? ['there is no unit of vhostd'] : removed.map((file) => `removed ${file}`),
  );
}

/** Rejects as {@link loadConf}: a unit of a conf that is refused would be started in vain. */
async function unitsOf(systemd: Systemd, options: SystemdOptions): Promise<Record<string, string>> {
  const { socket = false, user = false, serviceUser } = options;
  const config = options.config === false ? undefined : confNamed(options.config);
  const conf = config === undefined ? undefined : await loadConf(config);
  // What is not there now may be there when the service starts.
  for (const { subject, message, todo } of conf?.sites.flatMap((site) => checkFiles(site)) ?? []) {
    process.stderr.write(`${shown(`vhostd: warning: ${subject}: ${message}\n  ${todo}`)}\n`);
  }
  const [, program = ''] = process.argv;
  const service = serviceUnit({
    version: systemdVersion(systemd) ?? TRIED_VERSION,
    scope: user ? 'user' : 'system',
    node: process.execPath,
    program: path.resolve(program),
    ...(config === undefined ? {} : { config }),
    ...(serviceUser === undefined ? {} : { serviceUser }),
    hasSocket: socket,
  });
  if (!socket) return { [SERVICE]: service };
  return { [SOCKET]: socketUnit(addressesOf(config, conf?.sites ?? [])), [SERVICE]: service };
}

/** @throws {VhostError} ERR_CONF_NOT_FOUND, with what to type where sites were only added. */
function confNamed(given: string | undefined): string {
  try {
    return confFile(given);
  } catch (error) {
    if (given === undefined && error instanceof VhostError) {
      error.info['next'] =
        `vhostd init writes one; without a conf, for the sites that were added:\n${typedCommand({ '--no-config': [] })}`;
    }
    throw error;
  }
}

/** Every fixed TCP address of the conf, as `ListenStream=` has it. @throws {VhostError} ERR_SYSTEMD_ADDRESS. */
function addressesOf(config: string | undefined, sites: MasterConf['sites']): string[] {
  const addresses = sites.flatMap(({ listen }) =>
    listen.flatMap(({ ipaddress, port }) => (port === 0 ? [] : listenStream(ipaddress, port))),
  );
  if (addresses.length > 0) return [...new Set(addresses)];
  const message = `${config ?? 'a daemon without a conf'} has no address with a port of its own: there is nothing to listen on for systemd`;
  throw new VhostError('ERR_SYSTEMD_ADDRESS', message, { info: { config } });
}

function listenStream(ipaddress: string | undefined, port: number): string {
  if (ipaddress === undefined || ['', '*', '::'].includes(ipaddress)) return String(port);
  return ipaddress.includes(':') ? `[${ipaddress}]:${port}` : `${ipaddress}:${port}`;
}

/** @throws {VhostError} ERR_SYSTEMD_USER. */
function assertUser(name: string): void {
  const { status } = spawnSync('id', ['-u', '--', name], { stdio: 'ignore' });
  if (status === 0) return;
  const message = `there is no user ${name}: useradd --system ${name}, or name another one with --service-user`;
  throw new VhostError('ERR_SYSTEMD_USER', message, { info: { name } });
}

const SERVICE = 'vhostd.service';
const SOCKET = 'vhostd.socket';
/** Where none tells its version, such as in the build of an image. */
const TRIED_VERSION = 252;
