// `vhostd check`: whether a conf would run here. Nothing is changed, opened or started.
import path from 'node:path';
import { EXIT_CODES, exitCodeOf } from '@vhostd/daemon/client';
import { loadConf } from '@vhostd/master/load-conf';
import type { MasterConf } from '@vhostd/master';
import { VhostError } from '@vhostd/protocol';
import type { DaemonStatus } from '@vhostd/protocol';
import type { Command } from 'commander';
import { checkFiles } from '../check/check-files.js';
import { checkFences } from '../check/check-fences.js';
import { checkGroups } from '../check/check-groups.js';
import { checkIdle } from '../check/check-idle.js';
import { checkPorts } from '../check/check-ports.js';
import { checkSpares } from '../check/check-spares.js';
import type { Finding } from '../check/finding.js';
import { hasErrors, printReport } from '../check/report.js';
import { confFile } from '../conf-file.js';
import { attempt, nextStepOf } from '../errors.js';
import { addClientOptions, clientOf } from './options.js';
import type { ClientOptions } from './options.js';

export function addCheckCommand(program: Command): void {
  const command = program
    .command('check')
    .summary('tell what is wrong with a conf, and on this machine')
    .description(
      'Checks a conf: its fields, ports and who holds them, files and permissions, ' +
        'certificates, Node. Nothing is changed or started; a conf that is a script is run, as it is for vhostd run.',
    )
    .argument('[file]', 'conf file (default: the vhostd.config.* of the working directory)');
  addClientOptions(command).action((file: string | undefined, options: ClientOptions) =>
    attempt(options, () => check(file, options)),
  );
}

async function check(given: string | undefined, options: ClientOptions): Promise<number> {
  const file = path.resolve(confFile(given));
  let conf: MasterConf;
  try {
    conf = await loadConf(file);
  } catch (error) {
    if (!(error instanceof VhostError)) throw error;
    report(options, file, problemsOf(error));
    return exitCodeOf(error);
  }
  const findings = [
    ...checkNode(process.versions.node),
    ...checkPorts(conf, await runningDaemon(options)),
    ...conf.sites.flatMap((site) => checkFiles(site)),
    ...checkGroups(conf),
    ...(await checkSpares(conf)),
    ...conf.sites.flatMap((site) => checkIdle(site)),
    ...checkFences(conf),
  ];
  report(options, file, findings);
  return hasErrors(findings) ? EXIT_CODES.failed : EXIT_CODES.ok;
}

function report({ json }: ClientOptions, file: string, findings: readonly Finding[]): void {
  const ok = !hasErrors(findings);
  if (json === true) {
    process.stdout.write(`${JSON.stringify({ file, ok, findings }, null, 2)}\n`);
    return;
  }
  const end = ok ? 'ok' : 'would not run as it is';
  printReport(findings, `${file}: ${end}`);
}

/** Each problem of a conf that is refused. */
function problemsOf(error: VhostError): Finding[] {
  const { message, code } = error;
  // A file that is no conf of ours is not corrected field by field.
  const isConf = code !== 'ERR_CONF_PM2' && code !== 'ERR_CONF_FORMAT';
  const advice = isConf ? 'correct it; docs/configuration.md has every field' : nextStepOf(error);
  const lines = message.split('\n');
  const problems = lines.length > 1 ? lines.slice(1).map((line) => line.trim()) : lines;
  return problems.map((problem) => ({
    level: 'error',
    subject: 'conf',
    message: problem,
    todo: `${advice} (${code})`,
  }));
}

async function runningDaemon(options: ClientOptions): Promise<DaemonStatus | undefined> {
  try {
    return await clientOf(options).status();
  } catch {
    return undefined;
  }
}

/** Too old a Node has been refused before this was loaded. */
function checkNode(version: string): Finding[] {
  const major = Number(version.split('.')[0]);
  if (major % 2 === 0) return [];
  return [
    {
      level: 'warning',
      subject: `Node ${version}`,
      message: 'is of a line that vhostd is not tested with',
      todo: 'use Node 20.19 or later, 22, 24 or 26',
    },
  ];
}
