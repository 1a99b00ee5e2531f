// How a worker's process is forked: with its link, its site's directory, its environment and an inspector of its own.
import cluster from 'node:cluster';
import type { Worker as ClusterWorker } from 'node:cluster';
import { createHash } from 'node:crypto';
import { closeSync } from 'node:fs';
import path from 'node:path';
import { SPARE_WORKER, WORKER_VARIABLE } from '@vhostd/protocol';
import type { LinkType, WorkerBegin, WorkerIdentity } from '@vhostd/protocol';
import { forkUntrusted, setSessionPriority } from '@vhostd/transport';
import type { BatchOffer, ReadingShare, Untrusted, UntrustedFork } from '@vhostd/transport';
import { isForeign } from '../conf/foreign-user.js';
import type { Release } from '../conf/release.js';
import type { SiteConf } from '../conf/site-conf.js';
import { forkLeader } from '../node/fork-leader.js';
import { prepare } from './exec-chain.js';
import type { ProcessGroups } from './process-groups.js';
import { permissionArgs } from './permissions.js';
import { openForSite } from './site-directories.js';
import type { WorkerGroup } from './site-groups.js';
import { execArgvOf } from './start-options.js';
import { workerVariables } from './worker-environment.js';

/** How to start a worker. */
export interface WorkerLaunch {
  readonly conf: SiteConf;
  readonly identity: WorkerIdentity;
  readonly linkType: LinkType;
  /** Whether it may be sent connections in batches: anyway, or where it pays; absent: no. */
  readonly batches: BatchOffer['wish'] | undefined;
  /** The module that each worker loads before its site's code. */
  readonly preload: string;
  /** The longest head that the master takes, bytes: the worker's parser must not refuse it. */
  readonly headMaxBytes: number;
  readonly release: Release;
  /** The variables that the conf names. */
  readonly variables: Readonly<Record<string, string>>;
  /** What reading from the site's workers may cost. */
  readonly readingShare: ReadingShare;
  /** That of the site's workers alone. */
  readonly directory: string;
  /** Ends what a worker has started. */
  readonly groups: ProcessGroups;
  /** The directory of the site's control group; undefined: it has none. */
  readonly siteGroup: string | undefined;
  /** The control group of a process. */
  readonly groupOf: (pid: number | undefined) => WorkerGroup | undefined;
}

/** A worker that has been forked, and where it finds its site's directory; undefined where it can't. */
export interface StartedWorker extends Untrusted<ClusterWorker> {
  readonly siteDir: string | undefined;
}

/**
 * `as: 'spare'`: it waits for its {@link beginOf}, and has the identity of no worker before.
 * @throws {Error} what fork throws, ERR_NODE_INTERNALS.
 */
export function startWorker(
  launch: WorkerLaunch,
  onViolation: (detail: string) => void,
  as: 'worker' | 'spare' = 'worker',
): StartedWorker {
  const inherit = openForSite(launch.directory, launch.conf);
  let siteDir: string | undefined;
  try {
    const started = forkUntrusted(
      (how) => {
        siteDir = siteDirOf(launch, how.inheritedFd);
        return forkWorker({ ...launch, siteDir, as }, how);
      },
      (worker: ClusterWorker) => worker.process,
      {
        type: launch.linkType,
        share: launch.readingShare,
        batches: launch.batches,
        onViolation,
        inherit,
      },
    );
    return { ...started, siteDir };
  } finally {
    if (inherit !== undefined) closeSync(inherit);
  }
}

/** What a spare is told when it is to be the worker of this launch. */
export function beginOf(launch: WorkerLaunch, siteDir: string | undefined): WorkerBegin {
  const own = variablesOf(launch, {});
  const ofSlot = ['VHOSTD_SLOT', launch.conf.instanceVar].map((name) => [name, own[name] ?? '']);
  return { identity: identityOf(launch, siteDir), variables: Object.fromEntries(ofSlot) };
}

function identityOf({ identity }: WorkerLaunch, siteDir: string | undefined): WorkerIdentity {
  return { ...identity, ...(siteDir === undefined ? {} : { siteDir }) };
}

function variablesOf(
  { conf, release, identity: { slot }, variables: named }: WorkerLaunch,
  link: Record<string, string>,
): Record<string, string | undefined> {
  const told = { cwd: release.cwd, slot, named, link: { ...release.env, ...link } };
  return workerVariables(conf, told, process.env);
}

/** Where a worker finds its site's directory; undefined where it can't. */
function siteDirOf({ conf, directory }: WorkerLaunch, inheritedFd: number | undefined): string | undefined {
  if (!isForeign(conf.runAs)) return directory;
  return inheritedFd === undefined ? undefined : `/proc/self/fd/${inheritedFd}`;
}

interface Fork extends WorkerLaunch {
  readonly siteDir: string | undefined;
  readonly as: 'worker' | 'spare';
}

function forkWorker(launch: Fork, { variables, stdio }: UntrustedFork): ClusterWorker {
  const { conf, release, siteDir, identity, as } = launch;
  const execArgv = execArgvOf(launch);
  const own = variablesOf(launch, {
    ...variables,
    ...compileCacheOf(launch, siteDir),
    [WORKER_VARIABLE]: as === 'spare' ? SPARE_WORKER : JSON.stringify(identityOf(launch, siteDir)),
  });
  const prepared = prepare(conf, { cwd: release.cwd, siteGroup: launch.siteGroup }, own);
  // What is not named stays as it was for the last worker, of whatever site.
  delete cluster.settings.inspectPort;
  cluster.setupPrimary({
    exec: release.workerFile,
    args: [...(release.workerArgs ?? conf.workerArgs)],
    execArgv: [
      '--require',
      launch.preload,
      `--max-http-header-size=${launch.headMaxBytes}`,
      ...permissionArgs({ conf, release, preload: launch.preload, siteDir }),
      ...execArgv,
    ],
    cwd: prepared.cwd,
    stdio,
    serialization: 'json',
    ...inspectorOf(execArgv, identity.slot),
  });
  const worker = forkLeader(() => cluster.fork(prepared.variables), prepared.through);
  const { nice } = conf.workerOptions;
  if (nice !== undefined) setSessionPriority(worker.process, nice);
  return worker;
}

/**
 * Where Node keeps what it has compiled of this release. It is the site's own directory, which its workers alone write, as
 * their user: what is found there is run.
 */
function compileCacheOf(
  { conf, release, variables }: WorkerLaunch,
  siteDir: string | undefined,
): Record<string, string> {
  if (!conf.compileCache || siteDir === undefined || COMPILE_CACHE_VARIABLE in variables) return {};
  const name = createHash('sha256').update(release.workerFile).digest('hex').slice(0, 16);
  return { [COMPILE_CACHE_VARIABLE]: path.join(siteDir, 'compile-cache', name) };
}

const COMPILE_CACHE_VARIABLE = 'NODE_COMPILE_CACHE';

/** node:cluster has ports of its own for inspectors: here slot 0 gets that of the conf, and the next slots the next ones. */
function inspectorOf(execArgv: readonly string[], slot: number): { inspectPort?: number } {
  const port = execArgv.flatMap((option) => INSPECT.exec(option)?.groups?.['port'] ?? []).at(-1);
  if (port === undefined) return {};
  return { inspectPort: port === '0' ? 0 : Math.min(Number(port) + slot, MAX_PORT) };
}

/** `--inspect`, `--inspect-brk`, `--inspect-wait`, `--inspect-port` with a port, behind a host or not. */
const INSPECT = /^--(?:inspect|debug)(?:-brk|-wait|-port)?=(?:.*:)?(?<port>\d{1,5})$/;
const MAX_PORT = 65_535;
