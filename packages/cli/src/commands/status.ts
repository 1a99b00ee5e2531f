// `vhostd status`: what a running daemon says of itself and of its sites.
import { EXIT_CODES } from '@vhostd/daemon/client';
import { unknownSite } from '@vhostd/protocol';
import type { DaemonStatus, SiteStatus } from '@vhostd/protocol';
import { Option } from 'commander';
import type { Command } from 'commander';
import { showsColours } from '../colours.js';
import { tableWidth, terminalWidth } from '../columns.js';
import { attempt } from '../errors.js';
import { siteDetailOf } from '../site-detail.js';
import { isAtFault } from '../site-faults.js';
import type { Fault } from '../site-faults.js';
import { siteReport } from '../site-report.js';
import { statusReport } from '../status-report.js';
import { addClientOptions, clientOf, printOutcome } from './options.js';
import type { ClientOptions } from './options.js';

interface StatusOptions extends ClientOptions {
  failOn?: Fault;
}

export function addStatusCommand(program: Command): void {
  const command = program
    .command('status')
    .summary('show the daemon and its sites, or one site with its workers')
    .description(
      'Shows a running daemon and a line a site, those that fail first; or one site with its workers.',
    )
    .argument('[site]', 'its siteId')
    .addOption(
      new Option(
        '--fail-on <fault>',
        'exit with 1 if a site is so: errored (given up), or degraded (not all well)',
      ).choices(['errored', 'degraded']),
    );
  addClientOptions(command).action((site: string | undefined, options: StatusOptions) =>
    attempt(options, () => status(site, options)),
  );
}

async function status(site: string | undefined, options: StatusOptions): Promise<number> {
  const told = await clientOf(options).status();
  const width = { table: tableWidth(), text: terminalWidth() };
  const sites = site === undefined ? told.sites : [siteOf(told, site)];
  const [one] = sites;
  if (site !== undefined && one !== undefined) {
    const detail = await siteDetailOf(clientOf(options), site);
    printOutcome(options, detail, () => siteReport(detail, width.text));
  } else if (options.json === true) {
    printOutcome(options, told, () => []);
  } else {
    process.stdout.write(`${statusReport(told, width, showsColours()).join('\n')}\n`);
  }
  const { failOn } = options;
  if (failOn === undefined) return EXIT_CODES.ok;
  const isFaulty = told.master === undefined || sites.some((each) => isAtFault(each, failOn));
  return isFaulty ? EXIT_CODES.failed : EXIT_CODES.ok;
}

function siteOf({ sites }: DaemonStatus, siteId: string): SiteStatus {
  const site = sites.find((one) => one.siteId === siteId);
  if (site !== undefined) return site;
  throw unknownSite(
    siteId,
    sites.map((one) => one.siteId),
  );
}
