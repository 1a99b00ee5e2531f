// Every package that vhostd consists of or needs, as tarballs: what `npm install` takes without a registry.
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const PACKAGES = fileURLToPath(new URL('../../../packages/', import.meta.url));

/** Packs this clone's packages with npm, and those that they depend on as they lie in node_modules. */
export function packAll(target: string): string[] {
  const own = readdirSync(PACKAGES).map((name) => PACKAGES + name);
  execFileSync('npm', ['pack', '--silent', '--pack-destination', target, ...own], {
    cwd: PACKAGES,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const others = new Map<string, string>();
  for (const folder of own) addDependencies(folder, others);
  for (const [name, folder] of others) {
    const file = join(target, `other-${name.replace('/', '-')}.tar`);
    execFileSync('tar', ['-cf', file, '--transform', 's,^\\.,package,', '-C', folder, '.']);
  }
  return readdirSync(target).map((name) => join(target, name));
}

function addDependencies(folder: string, found: Map<string, string>): void {
  const { dependencies = {}, optionalDependencies = {} } = manifestOf(folder);
  for (const name of Object.keys({ ...dependencies, ...optionalDependencies })) {
    if (name.startsWith('@vhostd/') || found.has(name)) continue;
    const other = findPackage(folder, name);
    // An optional one for another machine is not here.
    if (other === undefined) continue;
    found.set(name, other);
    addDependencies(other, found);
  }
}

function findPackage(from: string, name: string): string | undefined {
  const here = join(from, 'node_modules', name);
  if (existsSync(here)) return realpathSync(here);
  return dirname(from) === from ? undefined : findPackage(dirname(from), name);
}

interface Manifest {
  dependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
}

function manifestOf(folder: string): Manifest {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest;
}
