// `vhostd cert`: the certificates that run, until when they are good, and what is wrong with them.
import { EXIT_CODES } from '@vhostd/daemon/client';
import { VhostError } from '@vhostd/protocol';
import type { CertificateStatus } from '@vhostd/protocol';
import { certificatesResult, decode } from '@vhostd/protocol/schemas';
import type { Command } from 'commander';
import { certificatesFor, certificateDetails, certificateTable } from '../certificate-report.js';
import { tableWidth } from '../columns.js';
import { attempt } from '../errors.js';
import { addClientOptions, clientOf, printOutcome } from './options.js';
import type { ClientOptions } from './options.js';

export function addCertCommand(program: Command): void {
  const command = program
    .command('cert')
    .summary('show the certificates of all sites, or of one host')
    .description(
      'Shows the certificates that workers serve: of which host and site, who issued each, until when it is good, and ' +
        'what is wrong with it. With a host, all that is known of those that its clients get.',
    )
    .argument('[host]', 'such as www.a.example, or a pattern as in the conf');
  addClientOptions(command).action((host: string | undefined, options: ClientOptions) =>
    attempt(options, () => cert(host, options)),
  );
}

async function cert(host: string | undefined, options: ClientOptions): Promise<number> {
  const answer = await clientOf(options).request({ method: 'GET', path: '/certificates' });
  const all = decode(certificatesResult, answer, 'certificates').certificates;
  const certificates = host === undefined ? all : certificatesOf(host, all);
  printOutcome(options, { certificates }, () =>
    host === undefined
      ? certificateTable(certificates, tableWidth(), Date.now())
      : certificateDetails(certificates, Date.now()),
  );
  return EXIT_CODES.ok;
}

function certificatesOf(host: string, all: readonly CertificateStatus[]): CertificateStatus[] {
  const found = certificatesFor(host, all);
  if (found.length > 0) return found;
  const known = [...new Set(all.map((one) => one.host ?? '*'))].slice(0, MAX_NAMED).join(', ') || 'none';
  const more = all.length > MAX_NAMED ? ', …' : '';
  throw new VhostError(
    'ERR_CERT_UNKNOWN',
    `no worker serves a certificate for '${host}'; there are: ${known}${more}`,
    { info: { host } },
  );
}

const MAX_NAMED = 10;
