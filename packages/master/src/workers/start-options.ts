// With which options and variables the workers of a site are started; and which of them have Node do something for the
// site before it runs the site's code. A process that waits for that code has done it already, with what was there then.
import type { Release } from '../conf/release.js';
import type { SiteConf } from '../conf/site-conf.js';
import { workerVariables } from './worker-environment.js';

/** What all workers of a generation are started by. */
export interface Start {
  readonly conf: SiteConf;
  readonly release: Release;
  /** The variables that the conf names. */
  readonly variables: Readonly<Record<string, string>>;
}

/** The site's options of Node: those of the script that it runs, and those of its conf. */
export function execArgvOf({ release, conf }: Pick<Start, 'release' | 'conf'>): string[] {
  return [...(release.execArgv ?? []), ...conf.workerOptions.execArgv];
}

/** The variables that its workers have in common. */
export function startVariablesOf({ conf, release, variables: named }: Start): NodeJS.ProcessEnv {
  const told = { cwd: release.cwd, slot: 0, named, link: release.env ?? {} };
  return { ...process.env, ...workerVariables(conf, told, process.env) };
}

/**
 * The first option for which its workers can't be processes that have waited: it loads files, or opens the inspector's port
 * of a slot. Without its value, such as `--env-file`; undefined: there is none.
 */
export function earlyOptionOf(start: Start): string | undefined {
  const ofVariable = startVariablesOf(start)['NODE_OPTIONS']?.split(/[\s"]+/) ?? [];
  const words = [...execArgvOf(start), ...ofVariable];
  return words.flatMap((word) => EARLY.exec(word.replaceAll('_', '-'))?.[0] ?? [])[0];
}

/** Node takes `_` for `-` in them. */
const EARLY = new RegExp(
  `^(?:-r|--(?:${[
    'inspect[a-z-]*|debug[a-z-]*',
    'require|import|loader|experimental-loader|experimental-policy',
    'env-file|env-file-if-exists',
    'config-file|experimental-config-file|experimental-default-config-file',
    'snapshot-blob|openssl-config',
  ].join('|')}))(?==|$)`,
);
