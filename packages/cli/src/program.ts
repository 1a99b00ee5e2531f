// The command line as a whole: its commands, its help, its way of refusing what it doesn't understand.
import { EXIT_CODES } from '@vhostd/daemon';
import { Command, CommanderError } from 'commander';
import { addAddCommand } from './commands/add.js';
import { addCertCommand } from './commands/cert.js';
import { addCheckCommand } from './commands/check.js';
import { addCompletionCommand } from './commands/completion.js';
import { addDashboardCommand } from './commands/dashboard.js';
import { addDoctorCommand } from './commands/doctor.js';
import { addDevCommand } from './commands/dev.js';
import { addEnvCommand } from './commands/env.js';
import { addEventsCommand } from './commands/events.js';
import { addFlushCommand } from './commands/flush.js';
import { addImportCommand } from './commands/import.js';
import { addInitCommand } from './commands/init.js';
import { addLogsCommand } from './commands/logs.js';
import { addMaintenanceCommand } from './commands/maintenance.js';
import { addPauseCommand } from './commands/pause.js';
import { addReloadCommand } from './commands/reload.js';
import { addRemoveCommand } from './commands/remove.js';
import { addReopenCommand } from './commands/reopen.js';
import { addRestartCommand } from './commands/restart.js';
import { addResumeCommand } from './commands/resume.js';
import { addRunCommand } from './commands/run.js';
import { addScaleCommand } from './commands/scale.js';
import { addSignalCommand } from './commands/signal.js';
import { addStartCommand } from './commands/start.js';
import { addStatusCommand } from './commands/status.js';
import { addStopCommand } from './commands/stop.js';
import { addSystemdCommand } from './commands/systemd.js';
import { addTopCommand } from './commands/top.js';
import { addTrustCommand } from './commands/trust.js';
import { addUpgradeCommand } from './commands/upgrade.js';
import { addWatchCommand } from './commands/watch.js';
import { pm2Suggestion } from './pm2-words.js';
import { VERSION } from './version.js';

/** Runs the command that `args` name and sets the process's exit code. */
export async function main(args: readonly string[]): Promise<void> {
  const suggestion = pm2Suggestion(args[0]);
  if (suggestion !== undefined) {
    process.stderr.write(`${suggestion}\n(vhostd --help tells what there is)\n`);
    process.exitCode = EXIT_CODES.usage;
    return;
  }
  try {
    await createProgram().parseAsync(args, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // It has printed what there is to say; its own code for every kind of wrong use is 1.
    process.exitCode = error.exitCode === 0 ? EXIT_CODES.ok : EXIT_CODES.usage;
  }
}

/** All commands. */
export function createProgram(): Command {
  const program = new Command('vhostd')
    .description('Runs many Node.js servers on one machine: one listener, virtual hosts, no lost connection.')
    .version(VERSION)
    // At 80 columns the summaries of the commands have 37.
    .configureHelp({ minWidthToWrap: 20 })
    .configureOutput({
      outputError: (text, write) => write(text.replace(/^error: /u, 'vhostd: ')),
    })
    .showHelpAfterError('(vhostd --help tells what there is)')
    .exitOverride();
  const commands = [
    addInitCommand,
    addRunCommand,
    addStatusCommand,
    addCertCommand,
    addTopCommand,
    addDashboardCommand,
    addLogsCommand,
    addEventsCommand,
    addReloadCommand,
    addRestartCommand,
    addStartCommand,
    addScaleCommand,
    addAddCommand,
    addRemoveCommand,
    addPauseCommand,
    addResumeCommand,
    addMaintenanceCommand,
    addEnvCommand,
    addSignalCommand,
    addFlushCommand,
    addReopenCommand,
    addUpgradeCommand,
    addStopCommand,
    addTrustCommand,
    addCheckCommand,
    addDoctorCommand,
    addImportCommand,
    addSystemdCommand,
    addDevCommand,
    addWatchCommand,
    addCompletionCommand,
  ];
  for (const add of commands) add(program);
  return program.addHelpText('after', EXIT_CODE_HELP);
}

const EXIT_CODE_HELP = `
Exit codes:
  ${EXIT_CODES.ok}    done
  ${EXIT_CODES.failed}    failed; a site's reload or an upgrade failed
  ${EXIT_CODES.usage}    wrong use of the command line
  ${EXIT_CODES.notRunning}    no daemon is running
  ${EXIT_CODES.badConf}  the conf is absent, unreadable or wrong
  ${EXIT_CODES.alreadyRunning}  a daemon is running in this run directory already
  ${EXIT_CODES.masterErrored}  the master ended again and again and was given up
`;
