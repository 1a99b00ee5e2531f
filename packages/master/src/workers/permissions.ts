// Node's permission model for the workers of a site: what its code may read, write and start, held by Node itself. The
// runtime's own code, the site's and what both need are allowed without being named.
import { existsSync, realpathSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import type { Release } from '../conf/release.js';
import type { SiteConf } from '../conf/site-conf.js';

/** What a worker runs, and with what. */
export interface PermittedWorker {
  readonly conf: SiteConf;
  readonly release: Release;
  /** The module that each worker loads before its site's code. */
  readonly preload: string;
  /** Where it finds its site's directory; undefined: nowhere. */
  readonly siteDir: string | undefined;
}

/** Options of `node`; none where the conf asks for no permissions. */
export function permissionArgs(worker: PermittedWorker, version: string = process.versions.node): string[] {
  const { permissions } = worker.conf;
  if (permissions === undefined) return [];
  const { read, write, childProcess, workerThreads, addons } = permissions;
  const written = [...write, ...ownPaths(worker)];
  const allowed = [...codePaths(worker), ...keyPaths(worker.conf), ...read, ...written];
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return [
    major > 22 || (major === 22 && minor >= 13) ? '--permission' : '--experimental-permission',
    ...patternsOf(allowed).map((pattern) => `--allow-fs-read=${pattern}`),
    ...patternsOf(written).map((pattern) => `--allow-fs-write=${pattern}`),
    // Until Node 25 the network was no matter of permissions: a site is there to listen.
    ...(major >= 25 ? ['--allow-net'] : []),
    ...(childProcess ? ['--allow-child-process'] : []),
    ...(workerThreads ? ['--allow-worker'] : []),
    ...(addons ? ['--allow-addons'] : []),
  ];
}

function codePaths({ conf, release, preload }: PermittedWorker): string[] {
  return [conf.path, path.dirname(release.workerFile), release.cwd, ...runtimePaths(preload)];
}

/** What the runtime's part of a worker writes for the site. */
function ownPaths({ conf: { accessLog }, siteDir }: PermittedWorker): string[] {
  return [accessLog, siteDir].filter((file) => file !== undefined);
}

/** The worker reads its keys itself. */
function keyPaths({ path: base, listen }: SiteConf): string[] {
  return listen
    .flatMap(({ key, cert, ca }) => [key, cert, ca])
    .filter((field) => field !== undefined && !field.includes('-----BEGIN'))
    .map((field) => path.resolve(base, field ?? ''));
}

let runtime: { preload: string; paths: string[] } | undefined;

/** The packages that a worker loads: where they are installed, all that is beside them, which is code. */
function runtimePaths(preload: string): string[] {
  if (runtime?.preload === preload) return runtime.paths;
  const { resolve } = createRequire(preload);
  const files = [preload, ...PACKAGES.map((name) => resolve(name))].map((file) => realpathSync(file));
  runtime = { preload, paths: [...new Set(files.map(installedIn))] };
  return runtime.paths;
}

/** The outermost `node_modules`; in a checkout, the package. */
function installedIn(file: string): string {
  const [before, after] = file.split(MODULES);
  if (before !== undefined && after !== undefined) return path.join(before, MODULES);
  let directory = path.dirname(file);
  while (!existsSync(path.join(directory, 'package.json')) && path.dirname(directory) !== directory)
    directory = path.dirname(directory);
  return directory;
}

/**
 * Node compares paths as they are written, before and behind symbolic links. What lies in a directory that is allowed is
 * not named once more: Node 20 ends itself where one path is the beginning of another.
 */
function patternsOf(files: readonly string[]): string[] {
  const patterns = files.flatMap((file) => [file, realPathOf(file)].map(patternOf));
  const directories = patterns
    .filter((pattern) => pattern.endsWith('/*'))
    .map((pattern) => pattern.slice(0, -1));
  const isNamed = (pattern: string): boolean =>
    directories.some((directory) => directory !== pattern.slice(0, -1) && pattern.startsWith(directory));
  return [...new Set(patterns)].filter((pattern) => !isNamed(pattern));
}

function patternOf(file: string): string {
  const isDirectory =
    isOwnDescriptor(file) || statSync(file, { throwIfNoEntry: false })?.isDirectory() === true;
  return isDirectory ? path.join(file, '*') : file;
}

function realPathOf(file: string): string {
  try {
    return isOwnDescriptor(file) ? file : realpathSync(file);
  } catch {
    return file;
  }
}

/** The worker's own: it is the directory of its site. */
function isOwnDescriptor(file: string): boolean {
  return file.startsWith('/proc/self/fd/');
}

const MODULES = `${path.sep}node_modules${path.sep}`;
const PACKAGES: readonly string[] = ['@vhostd/protocol', '@vhostd/transport', 'eventemitter3', 'pino'];
