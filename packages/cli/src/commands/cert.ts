// `vhostd cert`: the certificates that run, until when they are good, and what is wrong with them.
import { EXIT_CODES } from '@vhostd/daemon/client';
import { SHOWN_SITE_STATES, VhostError } from '@vhostd/protocol';
import type { CertificatesResult } from '@vhostd/protocol';
import { certificatesResult, decode } from '@vhostd/protocol/schemas';
import type { Command } from 'commander';
import { certificatesFor, certificateDetails, certificateTable } from '../certificate-report.js';
import { tableWidth } from '../columns.js';
import { attempt } from '../errors.js';
import { addClientOptions, clientOf, printOutcome, sentences } from './options.js';
import type { ClientOptions } from './options.js';

export function addCertCommand(program: Command): void {
  const command = program
    .command('cert')
    .summary('show the certificates of all sites, or of one host')
    .description(
      'Shows the certificates that workers serve: of which host and site, who issued each, until when it is good, and ' +
        'what is wrong with it; and those that vhostd waits for. With a host, all that is known of those that its ' +
        'clients get: also when vhostd renews them, why then, the last error and the attempts that are left.',
    )
    .argument('[host]', 'such as www.a.example, or a pattern as in the conf');
  addClientOptions(command).action((host: string | undefined, options: ClientOptions) =>
    attempt(options, () => cert(host, options)),
  );
}

async function cert(host: string | undefined, options: ClientOptions): Promise<number> {
  const answer = await clientOf(options).request({ method: 'GET', path: '/certificates' });
  const all = decode(certificatesResult, answer, 'certificates');
  const known = host === undefined ? all : certificatesOf(host, all);
  const count = known.certificates.length + (known.renewals?.length ?? 0);
  // A worker tells of its certificates when it is ready.
  const early = count > 0 || options.json === true ? [] : await sitesOnTheirWay(options);
  printOutcome(options, known, () => {
    if (host !== undefined) return certificateDetails(known, Date.now());
    return [
      ...certificateTable(known, tableWidth(), Date.now()),
      ...(early.length === 0
        ? []
        : sentences([`not up yet: ${early.join(', ')}; what they serve is not known`])),
    ];
  });
  return EXIT_CODES.ok;
}

async function sitesOnTheirWay(options: ClientOptions): Promise<string[]> {
  const { sites } = await clientOf(options).status();
  return sites.flatMap(({ siteId, state }) => (SHOWN_SITE_STATES[state].reach === 'soon' ? [siteId] : []));
}

function certificatesOf(
  host: string,
  { certificates, renewals = [] }: CertificatesResult,
): CertificatesResult {
  const found = {
    certificates: certificatesFor(host, certificates),
    renewals: certificatesFor(host, renewals),
  };
  if (found.certificates.length + found.renewals.length > 0) return found;
  const all = new Set([...certificates, ...renewals].map((one) => one.host ?? '*'));
  const known = [...all].slice(0, MAX_NAMED).join(', ') || 'none';
  const more = all.size > MAX_NAMED ? ', …' : '';
  throw new VhostError(
    'ERR_CERT_UNKNOWN',
    `no worker serves a certificate for '${host}'; there are: ${known}${more}`,
    { info: { host } },
  );
}

const MAX_NAMED = 10;
