// The directory of one running daemon: its PID file, lock and control socket, for its owner's eyes only.
import { chmodSync, lstatSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import type { Stats } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { VhostError } from '@vhostd/protocol';

/** The paths within a run directory. */
export interface RunDir {
  /** Absolute. */
  path: string;
  pidFile: string;
  lock: string;
  controlSocket: string;
}

/** What {@link resolveRunDir} looks at. */
export interface RunDirEnvironment {
  env: Record<string, string | undefined>;
  uid: number;
  home: string;
  /** The owner of a directory, or undefined if there is none. */
  ownerOf: (directory: string) => number | undefined;
}

/**
 * Names the run directory and creates nothing: the given one, else `$XDG_RUNTIME_DIR/vhostd`, else `/run/vhostd`
 * for root, else `~/.vhostd/run`.
 *
 * XDG_RUNTIME_DIR counts only if it is absolute and this user's own, as the XDG Base Directory Specification
 * demands; so a root shell that inherited another user's goes on to `/run/vhostd`.
 */
export function resolveRunDir(given?: string, environment: RunDirEnvironment = thisProcess()): RunDir {
  const directory = path.resolve(given ?? defaultPath(environment));
  return {
    path: directory,
    pidFile: path.join(directory, 'daemon.pid'),
    lock: path.join(directory, 'daemon.lock'),
    controlSocket: path.join(directory, 'control.sock'),
  };
}

/**
 * Creates the run directory with mode 0700, and what is missing above it. One that exists is left as it is: it must
 * belong to this user, be writable by nobody else, and hold nothing but what a daemon puts there.
 *
 * @throws VhostError ERR_RUN_DIR_UNSAFE (another's, writable by others, in use for something else, a symbolic link, no
 * directory), ERR_RUN_DIR_FAILED (it cannot be created).
 */
export function createRunDir(runDir: RunDir): void {
  const directory = runDir.path;
  let made: boolean;
  try {
    made = makeDirectory(directory);
  } catch (error) {
    throw failed(directory, error);
  }
  const status = look(directory);
  const reason = whyUnsafe(status) ?? whyForeign(directory);
  if (reason !== undefined) {
    throw new VhostError('ERR_RUN_DIR_UNSAFE', `the run directory ${directory} is not safe: ${reason}`, {
      info: { path: directory, uid: status.uid, mode: (status.mode & 0o7777).toString(8).padStart(4, '0') },
    });
  }
  // The umask may have taken bits away.
  if (made && (status.mode & 0o777) !== 0o700) chmodSync(directory, 0o700);
}

/**
 * False if it was there. Not mkdir's `recursive`: where a directory exists that takes no entries (/proc), Node 20 to 26
 * try for ever. Another starter may create the same directories at the same time.
 */
function makeDirectory(directory: string): boolean {
  const parent = path.dirname(directory);
  const first = codeOfMkdir(directory);
  if (first !== 'ENOENT') return first === 'made';
  if (parent !== directory) makeDirectory(parent);
  const second = codeOfMkdir(directory);
  if (second === 'ENOENT') throw new Error(`mkdir ${directory}: ${second}`);
  return second === 'made';
}

/** ENOENT: what is above it is missing or takes no entries. */
function codeOfMkdir(directory: string): 'made' | 'EEXIST' | 'ENOENT' {
  try {
    mkdirSync(directory, { mode: 0o700 });
    return 'made';
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'EEXIST' || code === 'ENOENT') return code;
    throw error;
  }
}

function look(directory: string): Stats {
  try {
    return lstatSync(directory);
  } catch (error) {
    throw failed(directory, error);
  }
}

function whyUnsafe(status: Stats): string | undefined {
  if (status.isSymbolicLink()) return 'it is a symbolic link; name the directory itself';
  if (!status.isDirectory()) return 'it is not a directory';
  const uid = process.getuid?.();
  if (uid !== undefined && status.uid !== uid)
    return `it belongs to uid ${status.uid}, this process is uid ${uid}`;
  if ((status.mode & 0o022) !== 0)
    return 'its group or others may write to it; chmod it to 0700 if its content can be trusted';
  return undefined;
}

function whyForeign(directory: string): string | undefined {
  const foreign = readdirSync(directory).find((name) => !OWN_NAME.test(name));
  return foreign === undefined
    ? undefined
    : `it holds '${foreign}', which is not vhostd's; name a directory of its own`;
}

/** The PID file and those in the making, the lock, the control socket and those in the making. */
const OWN_NAME = /^(?:daemon\.(?:pid(?:\.\d+\.tmp)?|lock)|control\.sock|\.c\d+)$/u;

function defaultPath({ env, uid, home, ownerOf }: RunDirEnvironment): string {
  const xdg = env['XDG_RUNTIME_DIR'];
  if (xdg !== undefined && path.isAbsolute(xdg) && ownerOf(xdg) === uid) return path.join(xdg, 'vhostd');
  return uid === 0 ? '/run/vhostd' : path.join(home, '.vhostd', 'run');
}

function thisProcess(): RunDirEnvironment {
  return {
    env: process.env,
    uid: process.getuid?.() ?? -1,
    home: homedir(),
    ownerOf: (directory) => statSync(directory, { throwIfNoEntry: false })?.uid,
  };
}

function failed(directory: string, cause: unknown): VhostError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new VhostError('ERR_RUN_DIR_FAILED', `cannot create the run directory ${directory}: ${reason}`, {
    info: { path: directory },
    cause,
  });
}
