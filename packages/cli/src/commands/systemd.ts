// `vhostd systemd`: units that fit this machine, printed, installed or removed.
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { EXIT_CODES } from '@vhostd/daemon/client';
import { loadConf } from '@vhostd/master/load-conf';
import { VhostError } from '@vhostd/protocol';
import { Argument } from 'commander';
import type { Command } from 'commander';
import { confFile } from '../conf-file.js';
import { attempt } from '../errors.js';
import { serviceUnit, socketUnit } from '../systemd/unit-text.js';
import { installUnits, systemdOf, systemdVersion, uninstallUnits } from '../systemd/units.js';
import type { Systemd } from '../systemd/units.js';
import { logLevelOption } from './options.js';

interface SystemdOptions {
  config?: string;
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
    .option('--socket', 'a socket unit as well: systemd listens on the addresses of the conf')
    .option('--user', "units of this user's own systemd")
    .option(
      '--service-user <name>',
      'whom the service runs as; root: for sites with a user of their own',
      'vhostd',
    )
    .addOption(logLevelOption('debug shows the stack of an error'))
    .action((action: Action, options: SystemdOptions) =>
      attempt(options, async () => {
        const systemd = systemdOf(options.user === true ? 'user' : 'system');
        if (action === 'uninstall') uninstall(systemd);
        else await make(action, systemd, options);
        return EXIT_CODES.ok;
      }),
    );
}

async function make(action: 'print' | 'install', systemd: Systemd, options: SystemdOptions): Promise<void> {
  const units = await unitsOf(systemd, options);
  if (action === 'print') {
    process.stdout.write(Object.values(units).join('\n'));
    return;
  }
  if (options.user !== true) assertUser(options.serviceUser ?? 'root');
  const names = Object.keys(units);
  const files = installUnits(systemd, units, names);
  const systemctl = options.user === true ? 'systemctl --user' : 'systemctl';
  process.stdout.write(
    `${files.map((file) => `wrote ${file}\n`).join('')}enabled; ${systemctl} start ${names.join(' ')} starts it now\n`,
  );
}

function uninstall(systemd: Systemd): void {
  const files = uninstallUnits(systemd, [SOCKET, SERVICE]);
  process.stdout.write(
    files.length === 0 ? 'there is no unit of vhostd\n' : files.map((file) => `removed ${file}\n`).join(''),
  );
}

async function unitsOf(systemd: Systemd, options: SystemdOptions): Promise<Record<string, string>> {
  const { socket = false, user = false, serviceUser } = options;
  const config = confFile(options.config);
  const [, program = ''] = process.argv;
  const service = serviceUnit({
    version: systemdVersion(systemd) ?? TRIED_VERSION,
    scope: user ? 'user' : 'system',
    node: process.execPath,
    program: path.resolve(program),
    config,
    ...(serviceUser === undefined ? {} : { serviceUser }),
    hasSocket: socket,
  });
  if (!socket) return { [SERVICE]: service };
  return { [SOCKET]: socketUnit(await addressesOf(config)), [SERVICE]: service };
}

/** Every fixed TCP address of the conf, as `ListenStream=` has it. Rejects as {@link loadConf}. */
async function addressesOf(config: string): Promise<string[]> {
  const { sites } = await loadConf(config);
  const addresses = sites.flatMap(({ listen }) =>
    listen.flatMap(({ ipaddress, port }) => (port === 0 ? [] : listenStream(ipaddress, port))),
  );
  if (addresses.length > 0) return [...new Set(addresses)];
  const message = `${config} has no address with a port of its own: there is nothing to listen on for systemd`;
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
