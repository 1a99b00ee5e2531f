// The state directory: what a daemon keeps for longer than it runs.
import { statSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { createOwnDirectory } from './run-dir/own-directory.js';
import { resolveRunDir } from './run-dir/run-dir.js';

/** What {@link resolveStateDir} looks at. */
export interface StateDirEnvironment {
  env: Record<string, string | undefined>;
  uid: number;
  home: string;
  /** The owner of a directory, or undefined if there is none. */
  ownerOf: (directory: string) => number | undefined;
}

/** What its owner said. */
export interface StateDirOptions {
  stateDir?: string | undefined;
  runDir?: string | undefined;
}

/**
 * Names the state directory and creates nothing: the given one, else the first of `$STATE_DIRECTORY` (systemd.exec(5)),
 * else `$XDG_STATE_HOME/vhostd`, else `/var/lib/vhostd` for root, else `~/.local/state/vhostd`. Where the run directory is
 * not the default one, it is a directory in that, named after it, so that two daemons do not share it.
 *
 * XDG_STATE_HOME counts only if it is absolute and this user's own, as with the run directory.
 */
export function resolveStateDir(
  { stateDir, runDir }: StateDirOptions,
  environment: StateDirEnvironment = thisProcess(),
): string {
  if (stateDir !== undefined) return path.resolve(stateDir);
  const [own] = (environment.env['STATE_DIRECTORY'] ?? '').split(':');
  if (own !== undefined && path.isAbsolute(own)) return own;
  const base = userStateDir(environment);
  const named = resolveRunDir(runDir, environment).path;
  return named === resolveRunDir(undefined, environment).path
    ? base
    : path.join(base, encodeURIComponent(named));
}

/**
 * Creates the state directory with mode 0700. One that exists must belong to this user and be writable by nobody else.
 * @throws {VhostError} ERR_STATE_DIR_UNSAFE, ERR_STATE_DIR_FAILED.
 */
export function createStateDir(directory: string): void {
  createOwnDirectory(directory, {
    what: 'state directory',
    unsafe: 'ERR_STATE_DIR_UNSAFE',
    failed: 'ERR_STATE_DIR_FAILED',
  });
}

/** What all daemons of a user have in common: `$XDG_STATE_HOME/vhostd`, `/var/lib/vhostd` or `~/.local/state/vhostd`. */
export function userStateDir({ env, uid, home, ownerOf }: StateDirEnvironment = thisProcess()): string {
  const xdg = env['XDG_STATE_HOME'];
  if (xdg !== undefined && path.isAbsolute(xdg) && ownerOf(xdg) === uid) return path.join(xdg, 'vhostd');
  return uid === 0 ? '/var/lib/vhostd' : path.join(home, '.local', 'state', 'vhostd');
}

/** Who a directory belongs to; one that is not there yet, whom it would be made for: root makes none in a user's home. */
function ownerOfPath(directory: string): number | undefined {
  const found = statSync(directory, { throwIfNoEntry: false });
  if (found !== undefined) return found.uid;
  const uid = process.getuid?.();
  const above = path.dirname(directory);
  return uid === 0 && above !== directory ? ownerOfPath(above) : uid;
}

function thisProcess(): StateDirEnvironment {
  return {
    env: process.env,
    uid: process.getuid?.() ?? -1,
    home: homedir(),
    ownerOf: ownerOfPath,
  };
}
