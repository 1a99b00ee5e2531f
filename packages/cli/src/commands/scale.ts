// `vhostd scale SITE N`: a site has another number of workers.
import { EXIT_CODES } from '@vhostd/daemon/client';
import { decode, scaleResult } from '@vhostd/protocol/schemas';
import { InvalidArgumentError } from 'commander';
import type { Command } from 'commander';
import { attempt } from '../errors.js';
import { counted } from '../counted.js';
import { addSiteOptions, orderSite, printOutcome, untilWhen } from './options.js';
import type { ClientOptions } from './options.js';

export function addScaleCommand(program: Command): void {
  const command = program
    .command('scale')
    .summary("change the number of a site's workers")
    .description('Gives a site another number of workers, in place of its cpuLen; "conf" goes back to that.');
  addSiteOptions(command)
    .argument('<workers>', '1 to 1024; +N or -N; max: one a CPU; conf: as its conf says', parseWorkers)
    // `-1` is no option.
    .allowUnknownOption()
    .action((site: string, workers: number | string, options: ClientOptions) =>
      attempt(options, () => scale(site, workers, options)),
    );
}

async function scale(site: string, workers: number | string, options: ClientOptions): Promise<number> {
  const answer = await orderSite(options, site, 'scale', { body: { workers } });
  const result = decode(scaleResult, answer, 'scale');
  printOutcome(options, result, () => [
    workers === 'conf'
      ? `${site}: ${result.workers} workers until the next reload, then as its conf says`
      : `${site}: ${counted(result.workers, 'worker')}, ${result.before} before${untilWhen(result)}`,
  ]);
  return EXIT_CODES.ok;
}

function parseWorkers(text: string): number | string {
  if (/^[+-]\d+$/u.test(text) || text === 'max' || text === 'conf') return text;
  if (/^\d+$/u.test(text)) {
    const count = Number(text);
    if (count >= 1 && count <= 1024) return count;
    throw new InvalidArgumentError('A site has 1 to 1024 workers; vhostd stop SITE takes it down.');
  }
  throw new InvalidArgumentError('It is no number, +N, -N, max or conf.');
}
