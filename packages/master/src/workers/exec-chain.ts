// The programs that prepare a worker's process: each sets what it is for and becomes the next one, the last one Node. The
// process, its descriptors and Node's channel stay the same. They run with the master's rights, so they are looked for
// where only root puts programs, and what the conf's variables could make them load is withheld until they are through.
import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { VhostError } from '@vhostd/protocol';
import type { SiteConf } from '../conf/site-conf.js';
import { groupSuffix } from './site-groups.js';

/** How a worker's process is prepared. */
export interface Preparation {
  /** The command in front of Node's. Empty: none is needed. */
  readonly through: readonly string[];
  /** The variables of the first program; the others follow within `through`. */
  readonly variables: Record<string, string | undefined>;
  /** Where the first program is started. */
  readonly cwd: string;
}

/** This process, and what it finds on the machine; tests have their own. */
export interface Machine {
  readonly uid: number | undefined;
  readonly gid: number | undefined;
  /** The absolute path of a program; undefined where it is missing, or is not the one that is meant. */
  find(program: Program): string | undefined;
}

/** Of util-linux, and of the GNU coreutils; any `sh` will do. */
export type Program = 'setpriv' | 'prlimit' | 'choom' | 'nice' | 'env' | 'sh' | 'mkdir';

/**
 * How the worker of a site is prepared that runs in `cwd` with these variables. `checkPrograms` says whether it can.
 * @param siteGroup The directory of the site's control group, in which the process makes one of its own.
 */
export function prepare(
  conf: SiteConf,
  { cwd, siteGroup }: { readonly cwd: string; readonly siteGroup?: string | undefined },
  variables: Record<string, string | undefined>,
  machine: Machine = thisMachine,
): Preparation {
  const joined = joinOf(conf, siteGroup, machine);
  const commands = commandsOf(conf, machine);
  if (commands.length + joined.length === 0) return { through: [], variables, cwd };
  const withheld = Object.entries(variables).filter(
    ([name, value]) => (LOADER.test(name) || (joined.length > 0 && isShells(name))) && value !== undefined,
  );
  const changed = changesUser(conf, machine);
  const unset = joined.length === 0 ? [] : SHELL_VARIABLES.filter((name) => variables[name] === undefined);
  const through = [
    ...joined,
    ...commands.flatMap(([program, ...args]) => [machine.find(program) ?? program, ...args]),
    // The directory is entered with the rights of the site's user.
    machine.find('env') ?? 'env',
    ...(changed ? ['-C', cwd] : []),
    ...unset.flatMap((name) => ['-u', name]),
    ...withheld.map(([name, value]) => `${name}=${value}`),
  ];
  const others = withheld.map(([name]) => [name, undefined]);
  return { through, variables: { ...variables, ...Object.fromEntries(others) }, cwd: changed ? '/' : cwd };
}

/** Why a worker of this site cannot be prepared here; undefined where it can. */
export function checkPrograms(
  conf: SiteConf,
  machine: Machine = thisMachine,
  siteGroup?: string,
): VhostError | undefined {
  const { siteId } = conf;
  const commands = commandsOf(conf, machine);
  const joined: Program[] = siteGroup === undefined ? [] : ['sh', 'mkdir'];
  if (commands.length + joined.length === 0) return undefined;
  if (changesUser(conf, machine) && machine.uid !== 0) {
    const message = `site ${siteId}: only a vhostd of root runs a site as another user; this one runs as user id ${machine.uid}`;
    return new VhostError('ERR_SITE_RIGHTS', message, { info: { siteId, uid: machine.uid } });
  }
  const needed: Program[] = [...joined, ...commands.map(([program]) => program), 'env'];
  const missing = needed.find((program) => machine.find(program) === undefined);
  if (missing === undefined) return undefined;
  const fields = FIELDS[missing];
  const message =
    `site ${siteId}: ${fields} needs the program ${missing} of ${PACKAGES[missing]}, ` +
    `which is in none of ${DIRECTORIES.join(', ')}`;
  return new VhostError('ERR_SITE_PROGRAM', message, { info: { siteId, program: missing } });
}

function commandsOf(conf: SiteConf, machine: Machine): [program: Program, ...args: string[]][] {
  const { nofile, nproc, core, nice, oomScoreAdjust } = conf.workerOptions;
  const limits = Object.entries({ nofile, nproc, core }).flatMap(([name, value]) =>
    value === undefined ? [] : [`--${name}=${value}:${value}`],
  );
  return [
    ...(limits.length === 0 ? [] : [['prlimit', ...limits] satisfies [Program, ...string[]]]),
    ...(nice === undefined ? [] : [['nice', '-n', String(nice)] satisfies [Program, ...string[]]]),
    ...(oomScoreAdjust === undefined
      ? []
      : [['choom', '-n', String(oomScoreAdjust), '--'] satisfies [Program, ...string[]]]),
    ...(changesUser(conf, machine) ? [dropOf(conf)] : []),
  ];
}

/** Enters a control group of its own, with the number of its pid, in the site's. A site with limits has to. */
function joinOf(conf: SiteConf, siteGroup: string | undefined, machine: Machine): string[] {
  if (siteGroup === undefined) return [];
  const [sh, mkdir] = (['sh', 'mkdir'] as const).map((program) => machine.find(program) ?? program);
  const otherwise = conf.limits === undefined ? ':' : 'exit 126';
  return [
    sh ?? 'sh',
    '-c',
    JOIN,
    'vhostd-join',
    mkdir ?? 'mkdir',
    siteGroup,
    groupSuffix(conf.limits),
    otherwise,
  ];
}

/** A shell changes these, or passes them on to no other program. */
function isShells(name: string): boolean {
  return SHELL_VARIABLES.includes(name) || SHELL_BEHAVIOUR.test(name) || !/^[A-Za-z_]\w*$/.test(name);
}

/** Behind it the process is the site's user, and has nothing else. */
function dropOf({ runAs, workerOptions: { noNewPrivileges } }: SiteConf): [Program, ...string[]] {
  const { uid = 0, gid = 0, name } = runAs ?? {};
  return [
    'setpriv',
    `--reuid=${uid}`,
    `--regid=${gid}`,
    name === undefined ? '--clear-groups' : '--init-groups',
    '--inh-caps=-all',
    '--ambient-caps=-all',
    ...(noNewPrivileges ? ['--bounding-set=-all', '--no-new-privs'] : []),
  ];
}

function changesUser({ runAs }: SiteConf, { uid, gid }: Machine): boolean {
  return runAs !== undefined && (runAs.uid !== uid || runAs.gid !== gid);
}

const found = new Map<Program, string>();

const thisMachine: Machine = {
  uid: process.geteuid?.(),
  gid: process.getegid?.(),
  find(program) {
    const path = found.get(program) ?? lookUp(program);
    if (path !== undefined) found.set(program, path);
    return path;
  },
};

function lookUp(program: Program): string | undefined {
  return DIRECTORIES.map((directory) => `${directory}/${program}`).find(
    (path) => isExecutable(path) && isMeant(program, path),
  );
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Busybox has programs of these names that can do less. */
function isMeant(program: Program, path: string): boolean {
  if (program === 'sh') return true;
  const args = program === 'env' ? ['-C', '/', path] : ['--version'];
  const { status, stdout } = spawnSync(path, args, { env: {}, timeout: LOOK_LIMIT_MS, encoding: 'utf8' });
  return status === 0 && (program === 'env' || stdout.includes(PACKAGES[program]));
}

/** What ld.so and the C library heed before a program's own code runs. */
const LOADER = /^(?:LD_|GLIBC_TUNABLES$|GCONV_PATH$|LOCPATH$|NLSPATH$|MALLOC_)/;
const DIRECTORIES: readonly string[] = [
  '/usr/bin',
  '/bin',
  '/usr/sbin',
  '/sbin',
  '/run/current-system/sw/bin',
];
const PACKAGES: Readonly<Record<Program, string>> = {
  setpriv: 'util-linux',
  prlimit: 'util-linux',
  choom: 'util-linux',
  nice: 'coreutils',
  env: 'coreutils',
  sh: 'dash',
  mkdir: 'coreutils',
};
const FIELDS: Readonly<Record<Program, string>> = {
  setpriv: 'a user of its own',
  prlimit: 'nofile, nproc or core in workerOptions',
  choom: 'workerOptions.oomScoreAdjust',
  nice: 'workerOptions.nice',
  env: 'a user of its own, or a limit in workerOptions,',
  sh: 'limits',
  mkdir: 'limits',
};
/** Another process may remove the group while it is empty: it is made anew then. */
const JOIN = `group=$2/$$$3
join() { "$1" -p "$group" && echo $$ >"$group/cgroup.procs"; }
join "$1" 2>/dev/null || join "$1" || $4
shift 4
exec "$@"`;
/** What a shell sets by itself. */
const SHELL_VARIABLES: readonly string[] = ['PWD', 'OLDPWD', 'SHLVL', '_'];
/** What makes a shell do something else: POSIX, and bash(1) in POSIX mode. */
const SHELL_BEHAVIOUR = /^(?:ENV|BASH.*|IFS|PS4|SHELLOPTS|POSIXLY_CORRECT)$/;
const LOOK_LIMIT_MS = 10_000;
