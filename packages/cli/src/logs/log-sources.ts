// Which log files there are: those that a running daemon tells of, else those in the state directory.
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { defaultLogDirectory, siteOfLogFile } from '@vhostd/master/default-log';
import { VhostError } from '@vhostd/protocol';
import { stateDirOf, statusIfRunning } from '../state-dir.js';
import type { StateDirOptions } from '../state-dir.js';
import type { LogSource } from './site-log.js';

/**
 * Those of one site, or of all, which may be called `all`. A site that is gone from the conf still has its default log.
 * @throws {VhostError} ERR_LOG_NOT_FOUND.
 */
export async function logSources(options: StateDirOptions, site: string | undefined): Promise<LogSource[]> {
  const status = await statusIfRunning(options);
  const directory = defaultLogDirectory(stateDirOf(options, status));
  const told = (status?.sites ?? []).flatMap(({ siteId, logs = [] }) =>
    logs.map(({ file, streams }) => ({ siteId, file, streams })),
  );
  const known = new Set(told.map(({ file }) => file));
  const all = [...told, ...inDirectory(directory).filter(({ file }) => !known.has(file))];
  const isAll = site === undefined || (site === 'all' && all.every(({ siteId }) => siteId !== site));
  const found = all.filter(({ siteId }) => isAll || siteId === site);
  if (found.length > 0) return found;
  const ids = [...new Set(all.map(({ siteId }) => siteId))].join(', ') || 'none';
  const what = isAll ? 'there are no logs' : `site '${site}' has no log`;
  throw new VhostError('ERR_LOG_NOT_FOUND', `${what} in ${directory}; sites with logs: ${ids}`, {
    info: { directory },
  });
}

/** The default log of a site that a daemon runs, and what it was rotated to, the newest first. */
export async function defaultLogFiles(options: StateDirOptions, site: string): Promise<string[]> {
  const directory = defaultLogDirectory(stateDirOf(options, await statusIfRunning(options)));
  const files = inDirectory(directory).flatMap(({ siteId, file }) => (siteId === site ? [file] : []));
  const names = files.length === 0 ? [] : readdirSync(directory);
  return files.flatMap((file) => {
    const own = path.basename(file);
    const rotated = names.filter(
      (name) => name.startsWith(`${own}.`) && ROTATED.test(name.slice(own.length)),
    );
    return [file, ...rotated.toSorted().map((name) => path.join(directory, name))];
  });
}

/** As `logRotate` names them. */
const ROTATED = /^\.\d+(?:\.gz)?$/u;

function inDirectory(directory: string): LogSource[] {
  let names: string[];
  try {
    names = readdirSync(directory);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
  return names.toSorted().flatMap((name) => {
    const siteId = siteOfLogFile(name);
    return siteId === undefined
      ? []
      : [{ siteId, file: path.join(directory, name), streams: ['stdout', 'stderr'] as const }];
  });
}
