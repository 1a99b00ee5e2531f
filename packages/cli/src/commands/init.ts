// `vhostd init`: writes a conf for the app in a directory.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { EXIT_CODES } from '@vhostd/daemon/client';
import { CONF_EXTENSIONS } from '@vhostd/master/conf-extensions';
import { VhostError } from '@vhostd/protocol';
import type { Command } from 'commander';
import { foundConfFiles } from '../conf-file.js';
import { attempt } from '../errors.js';
import type { CommonOptions } from '../errors.js';
import { findApp } from '../init/find-app.js';
import type { FoundApp } from '../init/find-app.js';
import { parsePort } from '../site-flags.js';
import { logLevelOption, printOutcome, sentences } from './options.js';

interface InitOptions extends CommonOptions {
  host?: string;
  port: number;
  json?: true;
}

export function addInitCommand(program: Command): void {
  program
    .command('init')
    .summary('write a conf for the app in this directory')
    .description(
      'Looks at package.json, the framework and the files of a directory, and writes vhostd.config.json there. ' +
        'A conf that is there is left as it is.',
    )
    .argument('[directory]', 'where the app is (default: the working directory)')
    .option('--host <host>', 'host that it answers for (default: NAME.localhost)')
    .option('--port <port>', 'port to listen on', parsePort, 8080)
    .option('--json', 'print { file, notes } as JSON, for programs')
    .addOption(logLevelOption('debug shows the stack of an error'))
    .action((directory: string | undefined, options: InitOptions) =>
      attempt(options, () => Promise.resolve(init(path.resolve(directory ?? '.'), options))),
    );
}

function init(directory: string, options: InitOptions): number {
  const [present] = foundConfFiles(directory);
  if (present !== undefined) {
    const message = `${present} is there already: it is left as it is`;
    throw new VhostError('ERR_CONF_EXISTS', message, { info: { file: present } });
  }
  const app = findApp(directory);
  const file = path.join(directory, `vhostd.config${CONF_EXTENSIONS[0]}`);
  // Somebody may have been faster.
  writeFileSync(file, confOf(app, options), { flag: 'wx' });
  printOutcome(options, { file, notes: app.notes }, () => [
    `${file}: written`,
    ...app.notes.map((note) => `  ${note}`),
    ...sentences([nextSteps(file)]),
  ]);
  return EXIT_CODES.ok;
}

/** The file needs no name where it is the default one. */
function nextSteps(file: string): string {
  const named = path.dirname(file) === process.cwd() ? '' : ` ${path.relative('', file)}`;
  return `next: vhostd check${named}, then vhostd run${named}`;
}

function confOf({ siteId, site }: FoundApp, { host, port }: InitOptions): string {
  const listen = [{ host: host ?? `${siteId}.localhost`, port }];
  const conf = {
    $schema: './node_modules/@vhostd/master/conf.schema.json',
    sites: [{ siteId, path: '.', ...site, listen }],
  };
  return `${JSON.stringify(conf, null, 2)}\n`;
}
