// Which file of a directory Node runs. `node /sites/shop` looks for files named `/sites/shop.js` and `/sites/shop.json`
// first, and `require.resolve` remembers for the life of the process what it has found; so it is looked up here, anew
// each time, as Node's documentation of modules has it under LOAD_AS_DIRECTORY.
import { realpathSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { readRegularFile } from '../node/site-file.js';
import type { SiteUser } from '../node/site-file.js';

/**
 * The file that stands for a directory: what `main` of its package.json names, else its index. Absolute, symbolic links
 * resolved; undefined where there is none, or where `directory` is no directory. `user`: the site's, where that is not
 * this process's.
 */
export function entryOf(directory: string, user?: SiteUser): string | undefined {
  const main = mainOf(directory, user);
  const candidates = main === undefined ? [] : [...asFile(main), ...asIndex(main)];
  const found = [...candidates, ...asIndex(directory)].find(isFile);
  return found === undefined ? undefined : realpathSync(found);
}

function asFile(path: string): string[] {
  return [path, ...EXTENSIONS.map((extension) => path + extension)];
}

function asIndex(directory: string): string[] {
  return EXTENSIONS.map((extension) => join(directory, `index${extension}`));
}

function mainOf(directory: string, user: SiteUser | undefined): string | undefined {
  const conf = readPackage(join(directory, 'package.json'), user);
  const main: unknown = typeof conf === 'object' && conf !== null && Reflect.get(conf, 'main');
  return typeof main === 'string' && main !== '' ? resolve(directory, main) : undefined;
}

/** A package.json that can't be read says nothing here; Node refuses it when it loads the site. */
function readPackage(file: string, user: SiteUser | undefined): unknown {
  try {
    const text = readRegularFile(file, PACKAGE_MAX_BYTES, user);
    return text === undefined ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isFile(path: string): boolean {
  try {
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** Those that Node tries by itself, in its order. */
const EXTENSIONS: readonly string[] = ['.js', '.json', '.node'];
const PACKAGE_MAX_BYTES = 1024 ** 2;
