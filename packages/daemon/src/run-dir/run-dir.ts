// The directory of one running daemon: its PID file, lock and control socket, for its owner's eyes only.
import { readdirSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { createOwnDirectory } from './own-directory.js';

/** The paths within a run directory. */
export interface RunDir {
  /** Absolute. */
  path: string;
  pidFile: string;
  lock: string;
  controlSocket: string;
  /** A directory with one for each site, which only its workers use. */
  sites: string;
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
    sites: path.join(directory, 'sites'),
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
  createOwnDirectory(runDir.path, {
    what: 'run directory',
    unsafe: 'ERR_RUN_DIR_UNSAFE',
    failed: 'ERR_RUN_DIR_FAILED',
    whyForeign,
  });
}

function whyForeign(directory: string): string | undefined {
  const foreign = readdirSync(directory).find((name) => !OWN_NAME.test(name));
  return foreign === undefined
    ? undefined
    : `it holds '${foreign}', which is not vhostd's; name a directory of its own`;
}

/** The PID file and those in the making, the lock, the control socket and those in the making, the sites' directories. */
export const OWN_NAME: RegExp = /^(?:sites|daemon\.(?:pid(?:\.\d+\.tmp)?|lock)|control\.sock|\.c\d+)$/u;

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
