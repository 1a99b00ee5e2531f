// What a site's workers find in their environment, and where each variable comes from: for operators.
import type { SiteVariable } from '@vhostd/protocol';
import type { SiteConf } from '../conf/site-conf.js';
import { workerVariables } from './worker-environment.js';

/**
 * By name, without what links a worker to its master. `slot` differs from worker to worker: it is 0 here.
 * @param named What the conf and its files name.
 */
export function shownVariables(
  conf: SiteConf,
  named: Readonly<Record<string, string>>,
  present: NodeJS.ProcessEnv,
): (SiteVariable & { value: string })[] {
  const { cwd, env, envFrom = {} } = conf.workerOptions;
  const own = workerVariables(conf, { cwd, slot: 0, named, link: {} }, present);
  const sourceOf = (name: string): SiteVariable['from'] => {
    if (name in env || name in envFrom) return 'env';
    if (name in named) return 'envFile';
    return name in own ? 'vhostd' : 'inherited';
  };
  return Object.entries({ ...present, ...own })
    .flatMap(([name, value]) => (value === undefined ? [] : [{ name, from: sourceOf(name), value }]))
    .toSorted((one, other) => (one.name < other.name ? -1 : 1));
}
