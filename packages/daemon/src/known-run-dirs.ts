// Where the daemons of this user run: a file for each in the state directory, so that a command finds them without being
// told. It is a hint that readers check: who runs is decided by the PID file of the run directory.
import { createHash } from 'node:crypto';
import { existsSync, lstatSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { VhostError, writeWhole } from '@vhostd/protocol';
import { isAlive, readPidFile } from '@vhostd/supervisor';
import { resolveRunDir } from './run-dir/run-dir.js';
import { createStateDir, userStateDir } from './state-dir.js';

/** A run directory whose daemon lives. */
export interface LivingRunDir {
  /** Absolute. */
  readonly path: string;
  readonly pid: number;
}

/** Writes down that a daemon runs there, if it is not. @throws what the file system throws: commands need `--run-dir` then. */
export function rememberRunDir(runDir: string, stateDir: string = userStateDir()): void {
  createStateDir(stateDir);
  const directory = path.join(stateDir, DIRECTORY);
  createStateDir(directory);
  const file = fileOf(directory, runDir);
  if (existsSync(file)) return;
  writeWhole(file, `${runDir}\n`);
}

/**
 * Whether systemd has made this run directory for its service, systemd.exec(5): the unit says where it is, so that nobody
 * misses a file in the home that the service's user may not have.
 */
export function isOfService(
  runDir: string,
  { RUNTIME_DIRECTORY: made = '' }: NodeJS.ProcessEnv = process.env,
): boolean {
  return made.split(':').includes(runDir);
}

/** Removes it, unless a daemon lives there. Never throws. */
export function forgetRunDir(runDir: string, stateDir: string = userStateDir()): void {
  if (livingPid(runDir) === undefined) remove(fileOf(path.join(stateDir, DIRECTORY), runDir));
}

/** Those that were written down and whose daemon lives, by path. Those of daemons that have died are removed. */
export function livingRunDirs(stateDir: string = userStateDir()): LivingRunDir[] {
  const directory = path.join(stateDir, DIRECTORY);
  if (!isOwn(directory)) return [];
  const found: LivingRunDir[] = [];
  for (const name of readdirSync(directory).filter((entry) => FILE_NAME.test(entry))) {
    const file = path.join(directory, name);
    const runDir = readText(file).trimEnd();
    const pid = path.isAbsolute(runDir) ? livingPid(runDir) : undefined;
    if (pid === undefined) remove(file);
    else found.push({ path: runDir, pid });
  }
  return found.toSorted((one, other) => (one.path < other.path ? -1 : 1));
}

/**
 * Which daemon of this user is meant where nobody says: that of the default run directory if it runs, else the only one
 * that does. Where none runs it is the default run directory.
 * @throws {VhostError} ERR_DAEMON_SEVERAL with `info.runDirs`.
 */
export function findRunDir(): string {
  const usual = resolveRunDir().path;
  if (livingPid(usual) !== undefined) return usual;
  const living = livingRunDirs();
  const [only, other] = living;
  if (only === undefined) return usual;
  if (other === undefined) return only.path;
  const list = living.map(({ path: runDir, pid }) => `\n  ${runDir}  process ${pid}`).join('');
  throw new VhostError('ERR_DAEMON_SEVERAL', `${living.length} daemons of this user run:${list}`, {
    info: { runDirs: living.map(({ path: runDir }) => runDir) },
  });
}

function livingPid(runDir: string): number | undefined {
  const holder = readPidFile(resolveRunDir(runDir).pidFile);
  return holder !== undefined && isAlive(holder) ? holder.pid : undefined;
}

/** What somebody else wrote there could lead a command astray. */
function isOwn(directory: string): boolean {
  const status = lstatSync(directory, { throwIfNoEntry: false });
  return status?.isDirectory() === true && status.uid === process.getuid?.() && (status.mode & 0o022) === 0;
}

/** The path itself may be longer than a file's name. */
function fileOf(directory: string, runDir: string): string {
  return path.join(directory, createHash('sha256').update(runDir).digest('hex').slice(0, 32));
}

/** Empty where it has gone meanwhile. */
function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

function remove(file: string): void {
  try {
    rmSync(file, { force: true });
  } catch {
    // It stays, and is looked at again.
  }
}

const DIRECTORY = 'daemons';
const FILE_NAME = /^[0-9a-f]{32}$/u;
