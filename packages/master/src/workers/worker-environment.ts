// The variables of a worker's process: those of this one that the conf lets through, the account of its user, what the
// conf adds, and its own.
import type { SiteConf } from '../conf/site-conf.js';

/** What a worker is told by variables. */
export interface OwnVariables {
  readonly cwd: string;
  readonly slot: number;
  /** Those that the conf names, those of its files included. */
  readonly named: Readonly<Record<string, string>>;
  /** Those by which it finds its master, and its identity. */
  readonly link: Readonly<Record<string, string>>;
}

/**
 * To be added to those of this process, as node:cluster does: `undefined` takes one away.
 * @param present The variables of this process.
 */
export function workerVariables(
  conf: SiteConf,
  { cwd, slot, named, link }: OwnVariables,
  present: NodeJS.ProcessEnv,
): Record<string, string | undefined> {
  const { inheritEnv } = conf.workerOptions;
  const withheld = Object.keys(present).filter(
    (name) => OF_MASTER.has(name) || !inheritEnv.some((pattern) => covers(pattern, name)),
  );
  return {
    ...Object.fromEntries(withheld.map((name) => [name, undefined])),
    ...accountOf(conf),
    PWD: cwd,
    VHOSTD_SLOT: String(slot),
    [conf.instanceVar]: String(slot),
    ...(conf.appPort === undefined ? {} : { PORT: String(conf.appPort) }),
    ...named,
    ...link,
  };
}

function accountOf({ runAs }: SiteConf): Record<string, string | undefined> {
  if (runAs === undefined) return {};
  const { name, home, shell } = runAs;
  return { HOME: home, USER: name, LOGNAME: name, SHELL: shell };
}

function covers(pattern: string, name: string): boolean {
  return pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern;
}

/** They speak of the daemon. */
const OF_MASTER: ReadonlySet<string> = new Set(['VHOSTD_MASTER', 'NODE_CHANNEL_FD']);
