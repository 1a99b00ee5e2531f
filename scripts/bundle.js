// Bundles what each package lets others load (its `exports`, and the programs among its `imports`) into one file each
// of `bundle/`, behind tsc: a master of some 280 modules takes half a second of CPU to load, of 30 modules a quarter.
// Packages stay modules of their own, since an error must be an instance of one class for all of them.
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const packages = fileURLToPath(new URL('../packages/', import.meta.url));

/** What is not external, although it is a package. */
const BUNDLED = /^zod(?:\/|$)/;

/** As rolldown writes them: of all, by names, or both. */
const NODE_IMPORT = /^import (?:((?:\* as )?[\w$]+)(?:, )?)?(\{[^}]*\})? from ("node:[\w/]+");$/gm;

await Promise.all(readdirSync(packages).map((name) => bundle(join(packages, name))));

async function bundle(folder) {
  const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const entries = [...Object.values(manifest.exports), ...Object.values(manifest.imports ?? {})].filter(
    (entry) => typeof entry === 'object',
  );
  const build = await rolldown({
    cwd: folder,
    input: Object.fromEntries(
      entries.map(({ types, default: file }) => [basename(file, '.js'), types.replace(/\.d\.ts$/, '.js')]),
    ),
    platform: 'node',
    plugins: [{ name: 'own-modules-of-node', renderChunk: (code) => withoutFacades(code) }],
    external: (id) => !/^[./]/.test(id) && !BUNDLED.test(id),
    onLog: (level, log) => {
      throw new Error(`${manifest.name}: ${log.message}`);
    },
  });
  const { output } = await build.write({
    dir: join(folder, 'bundle'),
    format: 'esm',
    entryFileNames: '[name].js',
    chunkFileNames: '[name]-[hash].js',
  });
  await build.close();
  // Only now: what runs from here may load a file of it at any moment.
  const written = new Set(output.map(({ fileName }) => fileName));
  for (const file of readdirSync(join(folder, 'bundle'))) {
    if (!written.has(file)) rmSync(join(folder, 'bundle', file));
  }
}

/**
 * Node's own modules asked for as `require` gets them. As an ES module each is given a facade, for which every export is read
 * once: that of `node:http` loads undici, that of `node:crypto` the Web Crypto API, a quarter of what a worker's boot costs.
 */
function withoutFacades(code) {
  const replaced = code.replaceAll(NODE_IMPORT, (_line, all, named, module) => {
    const own = `process.getBuiltinModule(${module})`;
    const names = named?.replaceAll(/(\S+) as (\S+)/g, '$1: $2');
    const parts = [
      ...(all === undefined ? [] : [`${all.replace(/^\* as /, '')} = ${own}`]),
      ...(names === undefined ? [] : [`${names} = ${own}`]),
    ];
    return `const ${parts.join(', ')};`;
  });
  const [left] = /^import [^"\n]*"node:.*$/m.exec(replaced) ?? [];
  if (left !== undefined) throw new Error(`this import is not understood: ${left}`);
  return replaced;
}
