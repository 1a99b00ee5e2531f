// Every package that vhostd consists of or needs, as tarballs: what `npm install` takes without a registry.
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
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
  const others = new Map<string, Packed>();
  for (const folder of own) addDependencies({ folder, bundled: new Map() }, others);
  for (const [name, packed] of others) {
    const file = join(target, `other-${name.replace('/', '-')}.tar`);
    const folder = withBundled(packed, join(target, 'whole', name));
    execFileSync('tar', ['-cf', file, '--transform', 's,^\\.,package,', '-C', folder, '.']);
  }
  rmSync(join(target, 'whole'), { recursive: true, force: true });
  return readdirSync(target).map((name) => join(target, name));
}

/** A package as it lies here, and what it needs in another version than the others. */
interface Packed {
  folder: string;
  bundled: Map<string, string>;
}

function addDependencies(packed: Packed, found: Map<string, Packed>): void {
  const { dependencies = {}, optionalDependencies = {} } = manifestOf(packed.folder);
  for (const name of Object.keys({ ...dependencies, ...optionalDependencies })) {
    if (name.startsWith('@vhostd/')) continue;
    const folder = findPackage(packed.folder, name);
    // An optional one for another machine is not here.
    if (folder === undefined) continue;
    const known = found.get(name);
    if (known !== undefined && known.folder !== folder) packed.bundled.set(name, folder);
    if (known !== undefined) continue;
    const other = { folder, bundled: new Map<string, string>() };
    found.set(name, other);
    addDependencies(other, found);
  }
}

/** A folder with all that the package's tarball has. */
function withBundled({ folder, bundled }: Packed, copy: string): string {
  if (bundled.size === 0) return folder;
  cpSync(folder, copy, { recursive: true });
  for (const [name, other] of bundled) cpSync(other, join(copy, 'node_modules', name), { recursive: true });
  const manifest = { ...manifestOf(copy), bundleDependencies: [...bundled.keys()] };
  writeFileSync(join(copy, 'package.json'), JSON.stringify(manifest));
  return copy;
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
