// Gives a checked site its absolute paths and its siteId, and checks what depends on where the conf lies.
import { statSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { isForeign } from './foreign-user.js';
import { path as pathField } from './fields.js';
import type { VariableSource } from './fields.js';
import { problemAt } from './problem.js';
import type { ConfPath, ConfProblem } from './problem.js';
import { runAsOf } from './run-as.js';
import { SITE_ID_EXPECTED, SITE_ID_PATTERN, siteSchema } from './site-schema.js';
import type { WrittenSite } from './site-schema.js';
import { shebangOf } from './shebang.js';
import type { ConfSource, SiteConf, SitePermissions } from './site-conf.js';

/** An absolute path: `~` and `~/…` in the home directory of the current user, the rest relative to `baseDir`. */
export function resolvePath(written: string, baseDir: string): string {
  if (written === '~' || written.startsWith('~/')) return join(homedir(), written.slice(1));
  return resolve(baseDir, written);
}

/** Where a site lies: its directory, and what its workers run. */
interface Place {
  readonly directory: string;
  readonly workerFile: string;
}

/** A site that names neither is refused; its place is the conf's own. */
function placeOf(
  { path, workerFile }: Pick<WrittenSite, 'path' | 'workerFile'>,
  { baseDir }: ConfSource,
): Place {
  if (path === undefined) {
    const file = resolvePath(workerFile ?? '', baseDir);
    return { directory: dirname(file), workerFile: file };
  }
  const named = resolvePath(path, baseDir);
  const directory = isFile(named) ? dirname(named) : named;
  return { directory, workerFile: workerFile === undefined ? named : resolvePath(workerFile, directory) };
}

/** A site as written; where it does not say what runs its file, that is what the file says itself, if anything. */
export function withInterpreter(raw: unknown, source: ConfSource): unknown {
  const { interpreter, workerOptions = {} } = fieldsOf(raw);
  const place = rawPlaceOf(raw, source);
  if (interpreter !== undefined || place === undefined) return raw;
  const found = shebangOf(place.workerFile, { forAll: hasUser(raw) });
  if (found === undefined) return raw;
  const { execArgv = [] } = fieldsOf(workerOptions);
  // What is wrong with them is for the schema to say.
  if (!Array.isArray(execArgv)) return raw;
  const options = { ...fieldsOf(workerOptions), execArgv: [...found.args, ...(execArgv as unknown[])] };
  const site = { ...fieldsOf(raw), interpreter: found.interpreter, workerOptions: options };
  // What its user may have written there makes no conf wrong, of which other sites are a part.
  return hasUser(raw) && isRight(raw) && !isRight(site) ? raw : site;
}

function isRight(site: unknown): boolean {
  return siteSchema.safeParse(site).success;
}

/** Whether a raw site says that it runs as somebody, who then may change what lies at its paths. */
function hasUser(raw: unknown): boolean {
  const { user, workerOptions } = fieldsOf(raw);
  return user !== undefined || fieldsOf(workerOptions)['uid'] !== undefined;
}

/** The site with every path absolute: its own relative to the conf, the rest relative to its own. */
export function resolveSite(site: WrittenSite, source: ConfSource): SiteConf {
  const { directory: path, workerFile } = placeOf(site, source);
  const { user, group, workerOptions, ...rest } = site;
  const { uid, gid, inheritEnv, cwd, envFrom, ...options } = workerOptions;
  const { interpreter } = site;
  const runAs = runAsOf({ user: user ?? uid, group: group ?? gid });
  const within = (written: string): string => resolvePath(written, path);
  return {
    ...rest,
    siteId: site.siteId ?? basename(path),
    path,
    workerFile,
    ...(interpreter?.includes('/') === true ? { interpreter: within(interpreter) } : {}),
    workerOptions: {
      ...options,
      cwd: cwd === undefined ? path : within(cwd),
      ...(envFrom === undefined ? {} : { envFrom: resolveSources(envFrom, within) }),
      inheritEnv: inheritEnv ?? (isForeign(runAs) ? NOBODYS_SECRETS : ['*']),
    },
    ...(runAs === undefined ? {} : { runAs }),
    ...(site.envFile === undefined ? {} : { envFile: within(site.envFile) }),
    ...(site.logOutput === undefined ? {} : { logOutput: within(site.logOutput) }),
    ...(site.logError === undefined ? {} : { logError: within(site.logError) }),
    ...(site.logAll === undefined ? {} : { logAll: within(site.logAll) }),
    ...(site.accessLog === undefined ? {} : { accessLog: within(site.accessLog) }),
    ...(site.permissions === undefined ? {} : { permissions: resolvePermissions(site.permissions, within) }),
    ...(site.maintenancePage === undefined ? {} : { maintenancePage: within(site.maintenancePage) }),
  };
}

function resolvePermissions(
  { read, write, ...rest }: SitePermissions,
  within: (written: string) => string,
): SitePermissions {
  return { ...rest, read: read.map(within), write: write.map(within) };
}

function resolveSources(
  sources: Readonly<Record<string, VariableSource>>,
  within: (written: string) => string,
): Record<string, VariableSource> {
  return Object.fromEntries(
    Object.entries(sources).map(([name, source]) => [
      name,
      'file' in source ? { file: within(source.file) } : source,
    ]),
  );
}

/**
 * What is wrong with a raw site as to its place: its siteId, if it is to come from `path`, and its directory,
 * which must exist if the conf is a file (ERR_CONF_PATH), unless a user of the site's own may have removed it: then the
 * site alone fails. Runs on sites that have other problems, too.
 */
export function placeProblems(raw: unknown, source: ConfSource, at: ConfPath): ConfProblem[] {
  const { path } = fieldsOf(raw);
  const place = rawPlaceOf(raw, source);
  if (place === undefined) return [];
  const problems: ConfProblem[] = [];
  const siteId = siteIdOf(raw, source) ?? '';
  if (fieldsOf(raw)['siteId'] === undefined && !SITE_ID_PATTERN.test(siteId)) {
    const reason = `the last part of path, ${JSON.stringify(siteId)}, can't be one`;
    problems.push(
      problemAt([...at, 'siteId'], undefined, SITE_ID_EXPECTED, { reason: `is missing, and ${reason}` }),
    );
  }
  const failure = source.file === undefined || hasUser(raw) ? undefined : directoryFailure(place.directory);
  if (failure !== undefined) {
    const field = path === undefined ? 'workerFile' : 'path';
    const expected = 'an existing directory or file';
    problems.push(
      problemAt([...at, field], fieldsOf(raw)[field], expected, { code: 'ERR_CONF_PATH', reason: failure }),
    );
  }
  return problems;
}

/** Variables that a worker with a user of its own gets where the conf does not say which. */
const NOBODYS_SECRETS: readonly string[] = [
  'PATH',
  'LANG',
  'LANGUAGE',
  'LC_*',
  'TZ',
  'TERM',
  'NO_COLOR',
  'FORCE_COLOR',
  'NODE_ENV',
  'NODE_EXTRA_CA_CERTS',
  'SSL_CERT_FILE',
  'SSL_CERT_DIR',
];

/** Sites that bear the siteId of an earlier one (ERR_CONF_DUPLICATE_SITE). */
export function duplicateProblems(rawSites: readonly unknown[], source: ConfSource): ConfProblem[] {
  const firstIndexes = new Map<string, number>();
  const problems: ConfProblem[] = [];
  for (const [index, raw] of rawSites.entries()) {
    const siteId = siteIdOf(raw, source);
    if (siteId === undefined) continue;
    const first = firstIndexes.get(siteId);
    if (first === undefined) {
      firstIndexes.set(siteId, index);
      continue;
    }
    problems.push(
      problemAt(['sites', index, 'siteId'], siteId, 'a siteId that no other site has', {
        code: 'ERR_CONF_DUPLICATE_SITE',
        reason: `${JSON.stringify(siteId)} is already the siteId of sites[${first}]`,
      }),
    );
  }
  return problems;
}

function siteIdOf(raw: unknown, source: ConfSource): string | undefined {
  const { siteId } = fieldsOf(raw);
  if (typeof siteId === 'string') return siteId;
  const place = siteId === undefined ? rawPlaceOf(raw, source) : undefined;
  return place && basename(place.directory);
}

/** The place of a site that may be wrong otherwise; undefined where that can't be said. */
function rawPlaceOf(raw: unknown, source: ConfSource): Place | undefined {
  const { path, workerFile } = fieldsOf(raw);
  const named = { ...(isPath(path) && { path }), ...(isPath(workerFile) && { workerFile }) };
  const known = path === undefined ? 'workerFile' in named : 'path' in named;
  return known ? placeOf(named, source) : undefined;
}

const PATH_FIELD = pathField();

function isPath(value: unknown): value is string {
  return PATH_FIELD.safeParse(value).success;
}

function fieldsOf(raw: unknown): Readonly<Record<string, unknown>> {
  return typeof raw === 'object' && raw !== null ? { ...raw } : {};
}

/** Where it can't be looked at, {@link directoryFailure} says why. */
function isFile(path: string): boolean {
  try {
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

function directoryFailure(directory: string): string | undefined {
  try {
    return statSync(directory).isDirectory() ? undefined : `${JSON.stringify(directory)} is not a directory`;
  } catch (thrown) {
    const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : String(thrown);
    const why = code === 'ENOENT' ? 'does not exist' : `can't be looked at (${code})`;
    return `${JSON.stringify(directory)} ${why}`;
  }
}
