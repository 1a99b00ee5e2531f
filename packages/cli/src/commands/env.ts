// `vhostd env SITE`: what the workers of a site find in their environment.
import { EXIT_CODES } from '@vhostd/daemon/client';
import { decode, variablesResult } from '@vhostd/protocol/schemas';
import type { Command } from 'commander';
import { columns } from '../columns.js';
import { attempt } from '../errors.js';
import { addSiteOptions, clientOf, printOutcome } from './options.js';
import type { ClientOptions } from './options.js';

interface EnvOptions extends ClientOptions {
  values?: true;
}

export function addEnvCommand(program: Command): void {
  const command = program
    .command('env')
    .summary("show the variables of a site's workers")
    .description(
      'Shows which variables the workers of a site find in their environment, and where each comes from. Their values, ' +
        'which may be secrets, are shown with --values only.',
    )
    .option('--values', 'show the values as well');
  addSiteOptions(command).action((site: string, options: EnvOptions) =>
    attempt(options, () => env(site, options)),
  );
}

async function env(site: string, options: EnvOptions): Promise<number> {
  const path = `/sites/${encodeURIComponent(site)}/env?values=${options.values === true}`;
  const result = decode(variablesResult, await clientOf(options).request({ method: 'GET', path }), 'env');
  printOutcome(options, result, () =>
    columns(
      result.variables.map(({ name, from, value }) => [
        from,
        value === undefined ? name : `${name}=${value}`,
      ]),
    ),
  );
  return EXIT_CODES.ok;
}
