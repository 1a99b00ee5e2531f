// A site's conf as an operator may show it to anybody: without what is secret.
import type { SiteConf } from './site-conf.js';

/** Of variables only the names and the files; of keys and certificates the paths; no passphrase. */
export function shownConf(conf: SiteConf): Record<string, unknown> {
  const { env, ...workerOptions } = conf.workerOptions;
  return {
    ...conf,
    workerOptions: { ...workerOptions, env: Object.keys(env) },
    listen: conf.listen.map(({ key, cert, ca, passphrase, ...entry }) => ({
      ...entry,
      ...(key === undefined ? {} : { key: pathOrSet(key) }),
      ...(cert === undefined ? {} : { cert: pathOrSet(cert) }),
      ...(ca === undefined ? {} : { ca: pathOrSet(ca) }),
      ...(passphrase === undefined ? {} : { passphrase: SET }),
    })),
  };
}

/** A conf may hold the text itself. */
function pathOrSet(text: string): string {
  return text.includes('-----BEGIN') ? SET : text;
}

const SET = '(set)';
