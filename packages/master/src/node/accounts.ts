// The users and groups of this machine: Node looks none up. The files first, then getent(1), which asks whatever the
// machine is set up to ask (LDAP, systemd).
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** A line of passwd(5). */
export interface UserAccount {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
  readonly shell: string;
}

/** A line of group(5). */
export interface GroupAccount {
  readonly name: string;
  readonly gid: number;
}

/** Where accounts come from; tests have their own. */
export interface AccountSource {
  /** The text of the file; empty where there is none. */
  read(base: 'passwd' | 'group'): string;
  /** The one line that this key has; empty where there is none. */
  ask(base: 'passwd' | 'group', key: string): string;
}

/** Looks accounts up by name or id. What was found is remembered for a moment: many sites may name one. */
export class Accounts {
  readonly #source: AccountSource;
  readonly #lines = new Map<
    string,
    { readonly fields: readonly string[] | undefined; readonly atMs: number }
  >();

  constructor(source: AccountSource = machine) {
    this.#source = source;
  }

  user(key: string | number): UserAccount | undefined {
    const fields = this.#find('passwd', key);
    if (fields === undefined) return undefined;
    const [name = '', , uid, gid, , home = '', shell = ''] = fields;
    return { name, uid: Number(uid), gid: Number(gid), home: home || '/', shell: shell || '/bin/sh' };
  }

  group(key: string | number): GroupAccount | undefined {
    const fields = this.#find('group', key);
    return fields && { name: fields[0] ?? '', gid: Number(fields[2]) };
  }

  /** The names in the file, to tell which one may have been meant. */
  names(base: 'passwd' | 'group'): string[] {
    return linesOf(this.#source.read(base)).map(([name = '']) => name);
  }

  #find(base: 'passwd' | 'group', key: string | number): readonly string[] | undefined {
    const slot = `${base} ${typeof key} ${key}`;
    const known = this.#lines.get(slot);
    if (known !== undefined && performance.now() - known.atMs < REMEMBERED_MS) return known.fields;
    const fields = this.#look(base, key);
    this.#lines.set(slot, { fields, atMs: performance.now() });
    return fields;
  }

  #look(base: 'passwd' | 'group', key: string | number): readonly string[] | undefined {
    // Both have the name first and the id third.
    const isIt = ([name, , id]: readonly string[]): boolean =>
      typeof key === 'number' ? id !== '' && Number(id) === key : name === key;
    return (
      linesOf(this.#source.read(base)).find(isIt) ?? linesOf(this.#source.ask(base, String(key))).find(isIt)
    );
  }
}

function linesOf(text: string): string[][] {
  return text
    .split('\n')
    .map((line) => line.split(':'))
    .filter(({ length }) => length > 2);
}

const machine: AccountSource = {
  read(base) {
    try {
      return readFileSync(`/etc/${base}`, 'utf8');
    } catch {
      return '';
    }
  },
  ask(base, key) {
    const { stdout } = spawnSync('/usr/bin/getent', ['--', base, key], {
      timeout: ASK_LIMIT_MS,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return stdout ?? '';
  },
};

const REMEMBERED_MS = 5000;
const ASK_LIMIT_MS = 5000;
