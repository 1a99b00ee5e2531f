// `vhostd completion`: a script for a shell, made of the commands as they are; and what such a script asks.
import { EXIT_CODES } from '@vhostd/daemon/client';
import { Argument } from 'commander';
import type { Command } from 'commander';
import { bashScript } from '../completion/bash.js';
import { fishScript } from '../completion/fish.js';
import { shapeOf } from '../completion/program-shape.js';
import { zshScript } from '../completion/zsh.js';
import { attempt } from '../errors.js';
import { addClientOptions, clientOf, printOutcome } from './options.js';
import type { ClientOptions } from './options.js';

const SCRIPTS = { bash: bashScript, zsh: zshScript, fish: fishScript };

export function addCompletionCommand(program: Command): void {
  const command = program
    .command('completion')
    .summary('print the completion script of a shell')
    .description(
      'Prints a script with which bash, zsh or fish complete commands, options and the siteIds of the running daemon. ' +
        'In ~/.bashrc: eval "$(vhostd completion bash)"; in ~/.zshrc, behind compinit: source <(vhostd completion zsh); ' +
        'in ~/.config/fish/config.fish: vhostd completion fish | source. sites prints the siteIds, for these scripts.',
    )
    .addArgument(new Argument('<shell>', 'for which it is').choices([...Object.keys(SCRIPTS), 'sites']));
  addClientOptions(command).action((shell: keyof typeof SCRIPTS | 'sites', options: ClientOptions) =>
    attempt(options, async () => {
      if (shell === 'sites') await printSites(options);
      else printScript(shell, SCRIPTS[shell](shapeOf(program)), options);
      return EXIT_CODES.ok;
    }),
  );
}

/** The script as it is: its escapes are meant. */
function printScript(shell: string, script: string, { json }: ClientOptions): void {
  process.stdout.write(json === true ? `${JSON.stringify({ shell, script }, null, 2)}\n` : script);
}

async function printSites(options: ClientOptions): Promise<void> {
  const sites = (await clientOf(options).status()).sites.map(({ siteId }) => siteId);
  printOutcome(options, { sites }, () => sites);
}
