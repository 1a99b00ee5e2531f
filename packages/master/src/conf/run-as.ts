// Whom a site's workers run as: the accounts that the conf names, looked up once, when the conf is read.
import { Accounts } from '../node/accounts.js';
import { account } from './fields.js';
import { nearestKey } from './nearest-key.js';
import { problemAt } from './problem.js';
import type { ConfPath, ConfProblem } from './problem.js';
import type { RunAs } from './site-conf.js';

/** What a conf says of it; absent fields count as the runtime's own. */
interface WrittenRunAs {
  readonly user?: string | number | undefined;
  readonly group?: string | number | undefined;
}

const accounts = new Accounts();

/** Undefined where the conf names neither. Accounts that there are not are problems ({@link accountProblems}). */
export function runAsOf({ user, group }: WrittenRunAs, source: Accounts = accounts): RunAs | undefined {
  if (user === undefined && group === undefined) return undefined;
  const found = source.user(user ?? process.geteuid?.() ?? 0);
  const uid = found?.uid ?? Number(user);
  // Without an account: a group of the user's own, as most systems give one.
  const gid = group === undefined ? (found?.gid ?? uid) : (source.group(group)?.gid ?? Number(group));
  return {
    uid,
    gid,
    home: found?.home ?? '/',
    ...(found === undefined ? {} : { name: found.name, shell: found.shell }),
  };
}

/** The names of users and groups in a raw site that this machine does not have (ERR_CONF_USER). */
export function accountProblems(raw: unknown, at: ConfPath, source: Accounts = accounts): ConfProblem[] {
  const user = nameIn(raw, 'user');
  const group = nameIn(raw, 'group');
  return [
    ...(user !== undefined && source.user(user) === undefined
      ? [unknown(user, 'user', at, source.names('passwd'))]
      : []),
    ...(group !== undefined && source.group(group) === undefined
      ? [unknown(group, 'group', at, source.names('group'))]
      : []),
  ];
}

/** A name as the schema takes it: the rest is refused elsewhere, and nobody is asked for it. */
function nameIn(raw: unknown, kind: 'user' | 'group'): string | undefined {
  const written: unknown = typeof raw === 'object' && raw !== null ? Reflect.get(raw, kind) : undefined;
  if (written === undefined) return undefined;
  const { data } = NAMES[kind].safeParse(written);
  return typeof data === 'string' ? data : undefined;
}

/** Made once: a conf may have hundreds of sites. */
const NAMES = { user: account('user'), group: account('group') };

function unknown(name: string, kind: 'user' | 'group', at: ConfPath, names: readonly string[]): ConfProblem {
  const nearest = nearestKey(name, names);
  const hint = nearest === undefined ? '' : `; did you mean ${JSON.stringify(nearest)}?`;
  const reason = `this machine has no ${kind} ${JSON.stringify(name)}${hint}`;
  return problemAt([...at, kind], name, `the name or the id of a ${kind}`, { code: 'ERR_CONF_USER', reason });
}
