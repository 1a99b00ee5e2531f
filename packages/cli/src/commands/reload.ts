// `vhostd reload`: new workers with the code and conf that are on disk now.
import { EXIT_CODES } from '@vhostd/daemon/client';
import type { ReloadResult } from '@vhostd/protocol';
import type { Command } from 'commander';
import { attempt } from '../errors.js';
import { oneOrAll } from './all-sites.js';
import { addClientOptions, printOutcome, sentences, whileShown } from './options.js';
import type { ClientOptions } from './options.js';

export function addReloadCommand(program: Command): void {
  const command = program
    .command('reload')
    .summary('replace the workers of one site, or of all')
    .description(
      'Reads the conf anew and replaces the workers of one site, or of all, without losing a connection. ' +
        'Prints a line a site. If a new generation fails, the old one serves on and the exit code is 1.',
    )
    .argument('[site]', 'its siteId');
  addClientOptions(command).action((site: string | undefined, options: ClientOptions) =>
    attempt(options, () => reload(site, options)),
  );
}

async function reload(name: string | undefined, options: ClientOptions): Promise<number> {
  const site = await oneOrAll(options, name);
  const result = await whileShown(options, (client, told) => client.reload(site, told), site);
  const { sites, added = [], removed = [] } = result;
  const isNew = new Set(added);
  printOutcome(options, result, () => {
    const lines = [
      ...sites.map((outcome) => describe(outcome, isNew.has(outcome.siteId))),
      ...removed.map((siteId) => `${siteId}: removed`),
    ];
    return lines.length === 0 ? ['no sites'] : sentences(lines);
  });
  return sites.every(({ ok }) => ok) ? EXIT_CODES.ok : EXIT_CODES.failed;
}

function describe({ siteId, generation, ok, error }: ReloadResult['sites'][number], isNew: boolean): string {
  if (ok) return `${siteId}: ${isNew ? 'added, ' : ''}generation ${generation}`;
  const why = error === undefined ? 'for an unknown reason' : `${error.message} (${error.code})`;
  const next = error === undefined ? undefined : NEXT[error.code]?.(siteId);
  return `${siteId}: ${isNew ? 'added, but ' : ''}failed: ${why}${next === undefined ? '' : `; ${next}`}`;
}

/** What to type next. */
const NEXT: Readonly<Record<string, (siteId: string) => string>> = {
  ERR_SITE_STOPPED: (siteId) => `vhostd start ${siteId} starts it`,
  ERR_WORKER_EXITED: (siteId) => `vhostd logs ${siteId} --err shows what it printed`,
};
