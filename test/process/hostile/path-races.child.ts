// As the user of a site: puts one thing after the other in the place of each file of the site, as fast as that goes.
// Arguments: the site's directory, a directory of root and a file in it, then the names.
import { execFileSync } from 'node:child_process';
import {
  cpSync,
  linkSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

const [directory = '', locked = '', secret = '', ...names] = process.argv.slice(2);
process.chdir(directory);
mkdirSync('aside');
execFileSync('mkfifo', [join('aside', 'pipe')]);
writeFileSync(join('aside', 'closed'), 'closed', { mode: 0 });
writeFileSync(join('aside', 'huge'), '');
truncateSync(join('aside', 'huge'), 10 * 1024 ** 3);
for (const name of names) cpSync(name, join('aside', name), { recursive: true });

const LINKS = [
  secret,
  locked,
  '/dev/zero',
  '/dev/full',
  '/dev/tty',
  '/dev/stdin',
  '/proc/self/environ',
  '/proc/self/fd/0',
  '/proc/self/mem',
  '/proc/1/environ',
  '/etc/shadow',
  '/',
  'next',
  'aside/huge',
];
const MAKE: ((at: string, name: string) => void)[] = [
  ...LINKS.map(
    (target) =>
      (at: string): void =>
        symlinkSync(target, at),
  ),
  ...['pipe', 'closed', 'huge'].map(
    (kind) =>
      (at: string): void =>
        linkSync(join('aside', kind), at),
  ),
  (at): void => void mkdirSync(at),
  (at): void => mkdirSync(at, { mode: 0 }),
  (): void => undefined,
];
/** The master may make a log in it. */
const GONE = { recursive: true, force: true, maxRetries: 3 };
const putBack = (at: string, name: string): void => cpSync(join('aside', name), at, { recursive: true });

process.stdout.write('started');
for (let count = 0; ; count += 1) {
  for (const [index, name] of names.entries()) {
    // Every other time what belongs there, so that the site comes up now and then.
    const turn = count + 5 * index;
    const make = turn % 2 === 0 ? putBack : (MAKE[((turn - 1) / 2) % MAKE.length] ?? putBack);
    attempt(() => rmSync('next', GONE));
    attempt(() => make('next', name));
    replace(name);
  }
}

function replace(name: string): void {
  try {
    renameSync('next', name);
  } catch {
    // A directory takes no file's place, nor a file a directory's; what is not there takes no place.
    attempt(() => rmSync('gone', GONE));
    attempt(() => renameSync(name, 'gone'));
    attempt(() => renameSync('next', name));
  }
}

function attempt(deed: () => void): void {
  try {
    deed();
  } catch {
    // Somebody else was there: the site writes its logs.
  }
}
