// `vhostd status`: what a running daemon says of itself and of its sites.
import { EXIT_CODES } from '@vhostd/daemon/client';
import { VhostError } from '@vhostd/protocol';
import type { DaemonStatus, SiteDetail, SiteStatus } from '@vhostd/protocol';
import { decode, siteDetail } from '@vhostd/protocol/schemas';
import { Option } from 'commander';
import type { Command } from 'commander';
import { showsColours } from '../colours.js';
import { attempt } from '../errors.js';
import { isAtFault, siteReport, statusReport } from '../status-report.js';
import type { Fault } from '../status-report.js';
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
  const { columns } = process.stdout;
  const width = { table: columns ?? DEFAULT_WIDTH, text: columns ?? Infinity };
  const sites = site === undefined ? told.sites : [siteOf(told, site)];
  const [one] = sites;
  if (site !== undefined && one !== undefined) {
    const detail = await detailOf(options, site);
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

async function detailOf(options: ClientOptions, site: string): Promise<SiteDetail> {
  const path = `/sites/${encodeURIComponent(site)}`;
  return decode(siteDetail, await clientOf(options).request({ method: 'GET', path }), 'site');
}

function siteOf({ sites }: DaemonStatus, siteId: string): SiteStatus {
  const site = sites.find((one) => one.siteId === siteId);
  if (site !== undefined) return site;
  const known = sites.map((one) => one.siteId).join(', ') || 'none';
  throw new VhostError('ERR_SITE_UNKNOWN', `there is no site '${siteId}'; there are: ${known}`, {
    info: { siteId },
  });
}

const DEFAULT_WIDTH = 80;
