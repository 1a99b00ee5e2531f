// The one way from what somebody wrote, be it in a file, a program or a worker, to a conf that can be trusted.
import { VhostError } from '@vhostd/protocol';
import type { z } from '@vhostd/protocol/schemas';
import { fleetProxyProblems } from './fleet-proxy.js';
import { dependencyProblems } from './dependencies.js';
import { isPm2Conf } from './meant-field.js';
import { confError, problemAt, problemsOf } from './problem.js';
import type { ConfPath, ConfProblem } from './problem.js';
import { masterFileSchema, masterSchema } from './master-schema.js';
import { accountProblems } from './run-as.js';
import {
  duplicateProblems,
  placeProblems,
  resolvePath,
  resolveSite,
  withInterpreter,
} from './resolve-site.js';
import { sharedHostProblems } from './shared-hosts.js';
import type { AcmeConf, ConfSource, FleetConf, MasterConf, ServerConfUpdate, SiteConf } from './site-conf.js';
import { MAX_UPDATE_LISTEN_COUNT, siteSchema, updateSchema } from './site-schema.js';

/**
 * The conf of a master. Collects everything that is wrong before it throws; what sites say of one another is looked at
 * once each is right by itself.
 * @throws {VhostError} ERR_CONF_INVALID, or ERR_CONF_HOST, ERR_CONF_PATH, ERR_CONF_USER, ERR_CONF_DUPLICATE_SITE,
 * ERR_CONF_DUPLICATE_HOST, ERR_CONF_DEPENDENCY_UNKNOWN or ERR_CONF_DEPENDENCY_CYCLE if all problems are of that kind; ERR_CONF_PM2 for what PM2 reads; `info.problems` holds
 * each as `{ code, path, value, message, expected }`.
 */
export function parseMasterConf(written: unknown, source: ConfSource): MasterConf {
  if (isPm2Conf(written)) {
    const { file } = source;
    const message = `${file ?? 'conf'} is a list of apps for PM2, no conf of vhostd`;
    throw new VhostError('ERR_CONF_PM2', message, { info: file === undefined ? {} : { file } });
  }
  const raw = withInterpreters(written, source);
  const schema = source.file === undefined ? masterSchema : masterFileSchema;
  const parsed = schema.safeParse(raw);
  const rawSites = rawSitesOf(raw);
  const problems = [
    ...problemsIn(parsed, raw, schema),
    ...rawSites.flatMap((site, index) => placeProblems(site, source, ['sites', index])),
    ...rawSites.flatMap((site, index) => accountProblems(site, ['sites', index])),
    ...duplicateProblems(rawSites, source),
  ];
  if (!parsed.success || problems.length > 0) throw confError(problems, source);
  const { log, acme, fleet, sites: parsedSites, ...rest } = parsed.data;
  const sites = parsedSites.map((site) => resolveSite(site, source));
  const unmet = [
    ...dependencyProblems(sites, { complete: source.file !== undefined, fleet: fleet !== undefined }),
    ...sharedHostProblems(sites),
    ...authorityProblems(sites, acme),
    ...fleetProxyProblems(sites, fleet),
  ];
  if (unmet.length > 0) throw confError(unmet, source);
  return {
    ...rest,
    ...(acme === undefined ? {} : { acme: resolveAcme(acme, source) }),
    ...(fleet === undefined ? {} : { fleet: resolveFleet(fleet, source) }),
    log: log.file === undefined ? log : { ...log, file: resolvePath(log.file, source.baseDir) },
    sites,
  };
}

/**
 * The conf of one site, as `loadSite` takes it. Its directory need not exist yet unless `source.file` is given.
 * @throws {VhostError} ERR_CONF_INVALID, or ERR_CONF_HOST, ERR_CONF_PATH or ERR_CONF_USER if all problems are of that kind;
 * `info.problems` as for {@link parseMasterConf}.
 */
export function parseSite(written: unknown, source: ConfSource): SiteConf {
  const raw = withInterpreter(written, source);
  const parsed = siteSchema.safeParse(raw);
  const problems = [
    ...problemsIn(parsed, raw, siteSchema),
    ...placeProblems(raw, source, []),
    ...accountProblems(raw, []),
  ];
  if (!parsed.success || problems.length > 0)
    throw confError(problems, source.file === undefined ? 'site' : source);
  return resolveSite(parsed.data, source);
}

/**
 * What a worker asks for with `updateServerConf`. Nothing of it is trusted: at most 10 000 listen entries,
 * bounded strings, and at most 20 problems told. Key material is dropped unread. Whether the site may have
 * what it asks for is for `checkAllowance` to say.
 * @throws {VhostError} ERR_CONF_INVALID, or ERR_CONF_HOST if only host patterns are wrong.
 */
export function parseServerConfUpdate(raw: unknown): ServerConfUpdate {
  const surplus = surplusListen(raw);
  if (surplus !== undefined) throw confError([surplus], UPDATE_NAME);
  const parsed = updateSchema.safeParse(raw);
  if (parsed.success) return parsed.data;
  throw confError(problemsOf(parsed.error, raw, updateSchema, MAX_UPDATE_PROBLEM_COUNT), UPDATE_NAME);
}

const UPDATE_NAME = 'updateServerConf';
const MAX_UPDATE_PROBLEM_COUNT = 20;

function problemsIn(parsed: z.ZodSafeParseResult<unknown>, raw: unknown, schema: z.ZodType): ConfProblem[] {
  return parsed.success ? [] : problemsOf(parsed.error, raw, schema);
}

function withInterpreters(raw: unknown, source: ConfSource): unknown {
  const sites = rawSitesOf(raw);
  if (sites.length === 0) return raw;
  return { ...Object(raw), sites: sites.map((site) => withInterpreter(site, source)) };
}

/** An authority is asked for nothing before somebody has agreed to its terms. */
function authorityProblems(sites: readonly SiteConf[], acme: AcmeConf | undefined): ConfProblem[] {
  const asks = sites.some(({ listen }) => listen.some(({ cert }) => cert === 'auto'));
  if (!asks || acme?.agree === true) return [];
  const reason = `is not true: a site has "cert": "auto", for which the terms of the authority must be agreed to`;
  return [problemAt(['acme', 'agree'], acme?.agree, 'true', { reason })];
}

function resolveAcme(acme: AcmeConf, { baseDir }: ConfSource): AcmeConf {
  return acme.ca === undefined ? acme : { ...acme, ca: resolvePath(acme.ca, baseDir) };
}

function resolveFleet(fleet: FleetConf, { baseDir }: ConfSource): FleetConf {
  const files = (['ca', 'cert', 'key'] as const).flatMap((name) => {
    const written = fleet[name];
    return written === undefined ? [] : [[name, resolvePath(written, baseDir)] as const];
  });
  return { ...fleet, ...Object.fromEntries(files) };
}

function rawSitesOf(raw: unknown): readonly unknown[] {
  if (typeof raw !== 'object' || raw === null || !('sites' in raw)) return [];
  return Array.isArray(raw.sites) ? raw.sites : [];
}

/** Found before the schema runs, which would check every entry first. */
function surplusListen(raw: unknown): ConfProblem | undefined {
  if (typeof raw !== 'object' || raw === null || !('listen' in raw)) return undefined;
  const { listen } = raw;
  if (!Array.isArray(listen) || listen.length <= MAX_UPDATE_LISTEN_COUNT) return undefined;
  const at: ConfPath = ['listen'];
  return problemAt(at, listen, `a list of at most ${MAX_UPDATE_LISTEN_COUNT} listen entries`);
}
