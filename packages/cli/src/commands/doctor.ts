// `vhostd doctor`: what runs against what should run, and what to do about it. Nothing is changed.
import { lstatSync, readlinkSync } from 'node:fs';
import { EXIT_CODES, findRunDir, inspectRunDir, resolveStateDir } from '@vhostd/daemon/client';
import { loadConf } from '@vhostd/master/load-conf';
import { VhostError } from '@vhostd/protocol';
import type { DaemonStatus } from '@vhostd/protocol';
import type { Command } from 'commander';
import type { Finding } from '../check/finding.js';
import { hasErrors, printReport } from '../check/report.js';
import { diagnose } from '../doctor/diagnose.js';
import { findWorkers } from '../doctor/vhostd-processes.js';
import { attempt, describeError } from '../errors.js';
import { VERSION } from '../version.js';
import { confFile } from '../conf-file.js';
import { counted } from '../counted.js';
import { addClientOptions, clientOf } from './options.js';
import type { ClientOptions } from './options.js';

export function addDoctorCommand(program: Command): void {
  const command = program
    .command('doctor')
    .summary('tell what runs otherwise than it should, and what to do')
    .description(
      'Looks at the run directory, the daemon, its sites and the processes of this machine: what is foreign, stale, ' +
        "another user's, orphaned, of another version, down, or not as the conf file says. Nothing is changed.",
    )
    .argument('[file]', 'conf file to compare with (default: that of the daemon)');
  addClientOptions(command).action((file: string | undefined, options: ClientOptions) =>
    attempt(options, () => examine(file, options)),
  );
}

async function examine(file: string | undefined, options: ClientOptions): Promise<number> {
  const where = options.runDir ?? findRunDir();
  const runDir = inspectRunDir(where);
  const { status, silence, answersOddly } = await askDaemon({ ...options, runDir: where });
  const [wantedSites, confProblems] = await readConf(file === undefined ? status?.conf : confFile(file));
  const findings = [
    ...diagnose({
      runDir,
      stateDirFault: stateDirFault(status, where),
      status,
      silence,
      answersOddly,
      workers: findWorkers(),
      version: VERSION,
      node: process.version,
      nodeIsGone: status !== undefined && isGone(status.daemon.pid),
      wantedSites,
    }),
    ...confProblems,
  ];
  const isRunning = runDir.holder?.lives === true || status !== undefined;
  if (options.json === true) {
    const told = { runDir: runDir.path, running: isRunning, ok: !hasErrors(findings), findings };
    process.stdout.write(`${JSON.stringify(told, null, 2)}\n`);
  } else {
    printReport(findings, summary(runDir.path, { status, answersOddly }, isRunning, findings));
  }
  if (hasErrors(findings)) return EXIT_CODES.failed;
  return isRunning ? EXIT_CODES.ok : EXIT_CODES.notRunning;
}

function summary(
  runDir: string,
  { status, answersOddly }: Answer,
  isRunning: boolean,
  findings: readonly Finding[],
): string {
  const who =
    status === undefined
      ? isRunning
        ? `a daemon runs, but ${answersOddly ? 'its answer is not understood' : 'does not answer'}`
        : 'no daemon is running'
      : `daemon ${status.daemon.pid} runs ${counted(status.sites.length, 'site')}`;
  const count = findings.length === 0 ? 'nothing is wrong' : `${findings.length} to look at`;
  return `${runDir}: ${who}, ${count}`;
}

/** What came of asking a daemon. */
interface Answer {
  status: DaemonStatus | undefined;
  /** Why there is none. */
  silence?: string | undefined;
  /** Whether something came that is none. */
  answersOddly: boolean;
}

async function askDaemon(options: ClientOptions): Promise<Answer> {
  try {
    return { status: await clientOf(options).status(), answersOddly: false };
  } catch (error) {
    const isOdd = error instanceof VhostError && ODD.has(error.code);
    return { status: undefined, silence: describeError(error), answersOddly: isOdd };
  }
}

/** An answer came, but not one of this version. */
const ODD: ReadonlySet<string> = new Set(['ERR_MESSAGE_INVALID', 'ERR_CONTROL_ANSWER', 'ERR_CONTROL_ROUTE']);

/** The sites of a conf file, and what is wrong with it. */
async function readConf(
  file: string | undefined,
): Promise<[sites: string[] | undefined, problems: Finding[]]> {
  if (file === undefined) return [undefined, []];
  try {
    return [(await loadConf(file)).sites.map(({ siteId }) => siteId), []];
  } catch (error) {
    if (!(error instanceof VhostError)) throw error;
    const [message = ''] = error.message.split('\n');
    return [
      undefined,
      [
        {
          level: 'error',
          subject: 'conf',
          message,
          todo: `vhostd check ${file} has all of it; what runs is as it was`,
        },
      ],
    ];
  }
}

function stateDirFault(status: DaemonStatus | undefined, runDir: string): string | undefined {
  const directory = status?.daemon.stateDir ?? resolveStateDir({ runDir });
  const found = lstatSync(directory, { throwIfNoEntry: false });
  if (found === undefined) return status === undefined ? undefined : `${directory} is not there`;
  if (!found.isDirectory()) return `${directory} is no directory`;
  if (found.uid !== process.getuid?.()) return `${directory} belongs to uid ${found.uid}`;
  return (found.mode & 0o022) === 0 ? undefined : `others may write to ${directory}`;
}

/** proc(5): what the link to a program that was removed says. */
function isGone(pid: number): boolean {
  try {
    return readlinkSync(`/proc/${pid}/exe`).endsWith(' (deleted)');
  } catch {
    return false;
  }
}
