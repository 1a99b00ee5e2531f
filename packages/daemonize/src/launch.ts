// The command line and environment of a daemon's process. Pure, but for the look whether Node would find the script.
import { createRequire } from 'node:module';
import path from 'node:path';
import { VhostError } from '@vhostd/protocol';
import type { ResolvedOptions } from './daemon-options.js';

/** What is given to spawn. */
export interface Launch {
  bin: string;
  args: string[];
  env: Record<string, string>;
}

/**
 * Puts the command line together; `env` is this program's own environment.
 * Throws `ERR_DAEMONIZE_SCRIPT` if Node is to run a script that is not there.
 */
export function launchOf(
  script: string,
  options: ResolvedOptions,
  env: Readonly<Record<string, string | undefined>>,
): Launch {
  const { bin, argv, inspectPort } = options;
  const isNode = path.basename(bin).startsWith('node');
  const args = [isNode ? findScript(script) : script, ...argv];
  if (isDebug(env) && (isNode || inspectPort !== undefined))
    args.unshift(`--inspect=${inspectPort ?? DEFAULT_INSPECT_PORT}`);
  return { bin, args, env: variables(options.env ?? env) };
}

/** The variable of vhostd decides where it is set, else that of the document that this package follows. */
function isDebug(env: Readonly<Record<string, string | undefined>>): boolean {
  return (env['VHOSTD_DEBUG'] ?? env['XCRAFT_DEBUG'])?.trim() === '1';
}

/** Absolute, so that a script's name is never taken for an option. */
function findScript(script: string): string {
  const file = path.resolve(script);
  try {
    // As `node FILE` looks: with the extensions and the index file of a directory.
    createRequire(file).resolve(file);
  } catch (cause) {
    throw new VhostError(
      'ERR_DAEMONIZE_SCRIPT',
      `there is no script ${file}; a relative path is relative to the working directory, ${process.cwd()}`,
      { info: { script, path: file }, cause },
    );
  }
  return file;
}

function variables(given: NonNullable<ResolvedOptions['env']>): Record<string, string> {
  const set: Record<string, string> = {};
  for (const [name, value] of Object.entries(given))
    if (value !== undefined && value !== null) set[name] = String(value);
  return set;
}

const DEFAULT_INSPECT_PORT = 9229;
