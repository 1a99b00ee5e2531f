// `vhostd completion`: a script for a shell, made of the commands as they are; and what such a script asks.
import { EXIT_CODES } from '@vhostd/daemon/client';
import { Argument } from 'commander';
import type { Command } from 'commander';
import { bashScript } from '../completion/bash.js';
import { fishScript } from '../completion/fish.js';
import { shapeOf } from '../completion/program-shape.js';
import { zshScript } from '../completion/zsh.js';
import { attempt } from '../errors.js';
import { clientOf, logLevelOption, runDirOption } from './options.js';
import type { ClientOptions } from './options.js';

const SCRIPTS = { bash: bashScript, zsh: zshScript, fish: fishScript };

export function addCompletionCommand(program: Command): void {
  program
    .command('completion')
    .summary('print the completion script of a shell')
    .description(
      'Prints a script with which bash, zsh or fish complete commands, options and the siteIds of the running daemon. ' +
        'In ~/.bashrc: eval "$(vhostd completion bash)"; in ~/.zshrc, behind compinit: source <(vhostd completion zsh); ' +
        'in ~/.config/fish/config.fish: vhostd completion fish | source. sites prints the siteIds, for these scripts.',
    )
    .addArgument(new Argument('<shell>', 'for which it is').choices([...Object.keys(SCRIPTS), 'sites']))
    .addOption(runDirOption('default: that of the only daemon of this user'))
    .addOption(logLevelOption('debug shows the stack of an error'))
    .action((shell: keyof typeof SCRIPTS | 'sites', options: ClientOptions) =>
      attempt(options, async () => {
        process.stdout.write(shell === 'sites' ? await siteLines(options) : SCRIPTS[shell](shapeOf(program)));
        return EXIT_CODES.ok;
      }),
    );
}

async function siteLines(options: ClientOptions): Promise<string> {
  const { sites } = await clientOf(options).status();
  return sites.map(({ siteId }) => `${siteId}\n`).join('');
}
