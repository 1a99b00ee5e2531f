// The command line as a whole: its commands, its help, its way of refusing what it doesn't understand.
import { EXIT_CODES } from '@vhostd/daemon/client';
import { Command, CommanderError } from 'commander';
import { pm2Suggestion } from './pm2-words.js';
import { shown, usageError } from './usage-error.js';
import { VERSION } from './version.js';

/** Runs the command that `args` name and sets the process's exit code. */
export async function main(args: readonly string[]): Promise<void> {
  const suggestion = pm2Suggestion(args[0], args[1]);
  if (suggestion !== undefined) {
    process.stderr.write(`${shown(suggestion)}\n`);
    process.exitCode = EXIT_CODES.usage;
    return;
  }
  const [command, topic] = args;
  try {
    const program = await createProgram(namesFor(args));
    if (command === 'help' && topic !== undefined && !COMMAND_NAMES.includes(topic)) {
      program.error(`error: unknown command '${topic}'`);
    }
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // It has printed what there is to say; its own code for every kind of wrong use is 1.
    process.exitCode = error.exitCode === 0 ? EXIT_CODES.ok : EXIT_CODES.usage;
  }
}

/** The program with these commands, by default all; in the order of the help. */
export async function createProgram(names: readonly string[] = COMMAND_NAMES): Promise<Command> {
  const program = new Command('vhostd')
    .description('Runs many Node.js servers on one machine: one listener, virtual hosts, no lost connection.')
    .version(VERSION)
    .configureHelp({ minWidthToWrap: 20, subcommandTerm: termOf })
    .configureOutput({ outputError: (text, write) => write(usageError(text)) })
    .showHelpAfterError('(vhostd --help tells what there is)')
    .exitOverride();
  const adders = await Promise.all(names.flatMap((name) => COMMANDS[name]?.() ?? []));
  for (const add of adders) add(program);
  for (const command of program.commands) {
    const usage = `vhostd ${termOf(command)}`;
    command.configureOutput({ outputError: (text, write) => write(usageError(text, usage)) });
    command.showHelpAfterError(`(vhostd ${command.name()} --help tells what there is)`);
  }
  return program.addHelpText('after', EXIT_CODE_HELP);
}

/** Each command takes options: that needs no word. */
function termOf(command: Command): string {
  const words = command.registeredArguments.map((argument) => {
    const name = `${argument.name()}${argument.variadic ? '...' : ''}`;
    return argument.required ? ` <${name}>` : ` [${name}]`;
  });
  return `${command.name()}${words.join('')}`;
}

/** The file of each command, in the order of the help. It is loaded when the command is called: all take long. */
const COMMANDS: Readonly<Record<string, () => Promise<(program: Command) => void>>> = {
  init: async () => (await import('./commands/init.js')).addInitCommand,
  run: async () => (await import('./commands/run.js')).addRunCommand,
  status: async () => (await import('./commands/status.js')).addStatusCommand,
  cert: async () => (await import('./commands/cert.js')).addCertCommand,
  top: async () => (await import('./commands/top.js')).addTopCommand,
  dashboard: async () => (await import('./commands/dashboard.js')).addDashboardCommand,
  logs: async () => (await import('./commands/logs.js')).addLogsCommand,
  events: async () => (await import('./commands/events.js')).addEventsCommand,
  reload: async () => (await import('./commands/reload.js')).addReloadCommand,
  restart: async () => (await import('./commands/restart.js')).addRestartCommand,
  start: async () => (await import('./commands/start.js')).addStartCommand,
  scale: async () => (await import('./commands/scale.js')).addScaleCommand,
  add: async () => (await import('./commands/add.js')).addAddCommand,
  remove: async () => (await import('./commands/remove.js')).addRemoveCommand,
  pause: async () => (await import('./commands/pause.js')).addPauseCommand,
  resume: async () => (await import('./commands/resume.js')).addResumeCommand,
  maintenance: async () => (await import('./commands/maintenance.js')).addMaintenanceCommand,
  env: async () => (await import('./commands/env.js')).addEnvCommand,
  signal: async () => (await import('./commands/signal.js')).addSignalCommand,
  flush: async () => (await import('./commands/flush.js')).addFlushCommand,
  reopen: async () => (await import('./commands/reopen.js')).addReopenCommand,
  upgrade: async () => (await import('./commands/upgrade.js')).addUpgradeCommand,
  stop: async () => (await import('./commands/stop.js')).addStopCommand,
  trust: async () => (await import('./commands/trust.js')).addTrustCommand,
  check: async () => (await import('./commands/check.js')).addCheckCommand,
  doctor: async () => (await import('./commands/doctor.js')).addDoctorCommand,
  fleet: async () => (await import('./commands/fleet.js')).addFleetCommand,
  edge: async () => (await import('./commands/edge.js')).addEdgeCommand,
  import: async () => (await import('./commands/import.js')).addImportCommand,
  systemd: async () => (await import('./commands/systemd.js')).addSystemdCommand,
  dev: async () => (await import('./commands/dev.js')).addDevCommand,
  watch: async () => (await import('./commands/watch.js')).addWatchCommand,
  completion: async () => (await import('./commands/completion.js')).addCompletionCommand,
};

/** The names of all commands. */
export const COMMAND_NAMES: readonly string[] = Object.keys(COMMANDS);

/** The command that is called. Help and what is no command need all of them, and a completion script tells of all. */
function namesFor([name = '']: readonly string[]): readonly string[] {
  if (name === '--version' || name === '-V') return [];
  return name !== 'completion' && COMMAND_NAMES.includes(name) ? [name] : COMMAND_NAMES;
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
