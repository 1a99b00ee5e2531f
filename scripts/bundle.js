// Bundles what each package lets others load (its `exports`, and the programs among its `imports`) into one file each
// of `bundle/`, behind tsc: a master of some 280 modules takes half a second of CPU to load, of 30 modules a quarter.
// Packages stay modules of their own, since an error must be an instance of one class for all of them. But for that of the
// worker: what each process of a site loads is CommonJS, with all that it needs of the others in it, and what it does not
// need before it serves in chunks behind. Node 20 then loads no ES modules for it, which takes 5 ms of CPU, nor 5 files.
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compileFunction } from 'node:vm';
import { rolldown } from 'rolldown';

const packages = fileURLToPath(new URL('../packages/', import.meta.url));

/** What is not external, although it is a package. */
const BUNDLED = /^zod(?:\/|$)/;

/** Likewise in the package of the worker. */
const BUNDLED_IN_WORKER = /^(?:@vhostd\/|eventemitter3$)/;

/** As rolldown writes them. */
const CHUNK_IMPORT = /^import (?:(\{[^}]*\}) from )?"(\.\/[^"]+)";$/gm;
const EXPORTS = /^export \{([^}]*)\};$/gm;

/** As rolldown writes them: of all, by names, or both. */
const NODE_IMPORT = /^import (?:((?:\* as )?[\w$]+)(?:, )?)?(\{[^}]*\})? from ("node:[\w/]+");$/gm;

/** What has to come before something else; Node's own modules have no such effects. */
const NODE_EFFECT = /^import "node:[\w/]+";\n/gm;

/** Of the worker's package, for `import`; `require` gets the CommonJS itself. */
const FACADE = {
  'index.js':
    'import worker from "./index.cjs";\nexport { worker, worker as default, worker as "module.exports" };\n',
};

/** What each other chunk of it loads, and so the one that has what a site may do away with. */
const RUNTIME = /^(?:const (\{.*) \} = )?require\("(\.\/rolldown-runtime-[^"]+)"\);$/m;

/**
 * `process.getBuiltinModule`, kept before the site's code runs, for chunks that are loaded behind it. Where the site has
 * removed it and only then asks for a copy of its own, `require` has the same modules, if nobody has put others there.
 */
const CAPTURE = 'exports.builtin = process.getBuiltinModule ?? require("node:module").createRequire("/");\n';

/** The folder of a package that was installed, in the path of its file. */
const PACKAGE = /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/;

/** The types that a module exports, as tsc writes them. */
const TYPE_EXPORTS = /^export type \{([^}]*)\} from '\.\/([^']+)';$/gm;

/** Of other packages. */
const COMPILED = /\/(?:protocol|transport)\/dist\//;

const BUILTIN = 'process.getBuiltinModule';
/** The name of what is kept of it in each chunk. */
const KEPT = '__builtin';

/** For `import.meta.url`; a bundle that an app's author has made of it as an ES module has no `__filename`. */
const OWN_URL = `${BUILTIN}("node:url").pathToFileURL(typeof __filename === "string" ? __filename : process.argv[1] ?? "/").href`;

/** What of the worker is loaded for TLS alone, and lies in chunks of its own; and what is the preload's. */
const APART = /\/worker\/dist\/(?:tls\/(?!handshakes\.)|intake\/secure-front\.|preload\.|node\/own-copy\.)/;

await Promise.all(readdirSync(packages).map((name) => bundle(join(packages, name))));

async function bundle(folder) {
  const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const entries = entriesOf(manifest);
  const isWorker = basename(folder) === 'worker';
  const extension = isWorker ? 'cjs' : 'js';
  const build = await rolldown({
    cwd: folder,
    input: Object.fromEntries(
      entries.map(({ types, default: file }) => [
        basename(file, extname(file)),
        types.replace('/bundle/', '/dist/').replace(/\.d\.c?ts$/, '.js'),
      ]),
    ),
    platform: 'node',
    plugins: [
      {
        name: 'own-modules-of-node',
        renderChunk: (code, chunk) =>
          isWorker ? withCapture(asCommonJs(withoutFacades(code)), chunk.name) : withoutFacades(code),
      },
    ],
    resolve: isWorker ? { alias: compiledPackages() } : {},
    // What stands there for its effects alone is no matter of a worker: they have none.
    treeshake: isWorker ? { moduleSideEffects: (id) => !COMPILED.test(id) } : {},
    external: (id) => !/^[./]/.test(id) && !BUNDLED.test(id) && !(isWorker && BUNDLED_IN_WORKER.test(id)),
    onLog: (level, log) => {
      throw new Error(`${manifest.name}: ${log.message}`);
    },
  });
  const { output } = await build.write({
    dir: join(folder, 'bundle'),
    format: 'esm',
    entryFileNames: `[name].${extension}`,
    chunkFileNames: `[name]-[hash].${extension}`,
    ...(isWorker ? { codeSplitting: { groups: [{ name: 'worker', test: (id) => !APART.test(id) }] } } : {}),
    comments: { legal: true, annotation: false, jsdoc: false },
  });
  await build.close();
  const others = { ...licencesIn(output), ...(isWorker ? { ...FACADE, ...typesOfWorker(folder) } : {}) };
  for (const [fileName, text] of Object.entries(others))
    writeFileSync(join(folder, 'bundle', fileName), text);
  // Only now: what runs from here may load a file of it at any moment.
  const written = new Set([...output.map(({ fileName }) => fileName), ...Object.keys(others)]);
  for (const file of readdirSync(join(folder, 'bundle'))) {
    if (!written.has(file)) rmSync(join(folder, 'bundle', file));
  }
}

/** For `require`: the worker itself, with the types that ES modules import beside it. Of the preload nothing is to be used. */
function typesOfWorker(folder) {
  const text = readFileSync(join(folder, 'dist/index.d.ts'), 'utf8');
  const imported = (name, file) =>
    `import('../dist/${file}', { with: { 'resolution-mode': 'import' } }).${name}`;
  const types = [...text.matchAll(TYPE_EXPORTS)].flatMap(([, list, file]) =>
    list.split(',').map((item) => `export type ${item.trim()} = ${imported(item.trim(), file)};`),
  );
  return {
    'index.d.cts': [
      `declare const worker: ${imported('Worker', 'worker.js')};`,
      `declare namespace worker {\n  ${types.join('\n  ')}\n}`,
      'export = worker;\n',
    ].join('\n'),
    'preload.d.cts': 'export {};\n',
  };
}

/** What others want to be told where their code is: the licences of their packages that are in it. */
function licencesIn(output) {
  const ids = output.flatMap(({ moduleIds = [] }) => moduleIds);
  const folders = new Set(ids.map((id) => PACKAGE.exec(id)?.[0]).filter((folder) => folder !== undefined));
  const texts = [...folders].map(licenceOf).toSorted();
  return texts.length === 0 ? {} : { 'LICENSES.txt': texts.join('\n\n') };
}

function licenceOf(folder) {
  const { name, version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const file = readdirSync(folder).find((each) => /^licen[cs]e\b/i.test(each));
  if (file === undefined) throw new Error(`${name} has no text of its licence`);
  return `${name} ${version}, parts of which are in these files:\n\n${readFileSync(join(folder, file), 'utf8')}`;
}

/** What a package lets others load. */
function entriesOf({ exports, imports = {} }) {
  return [...Object.values(exports), ...Object.values(imports)].filter((entry) => typeof entry === 'object');
}

/** Where each package's modules are that its bundle is made of, which is being written. */
function compiledPackages() {
  return Object.fromEntries(
    ['protocol', 'transport'].map((name) => [`@vhostd/${name}`, join(packages, name, 'dist/index.js')]),
  );
}

/**
 * A chunk of an ES bundle as CommonJS. The bundler's own way keeps no names of Node's modules, only the modules: what a
 * site does to `fs` would be done to vhostd.
 */
function asCommonJs(code) {
  const lines = code
    .replaceAll(CHUNK_IMPORT, (_line, names, file) => {
      const required = `require("${file}")`;
      return names === undefined ? `${required};` : `const ${names.replaceAll(' as ', ': ')} = ${required};`;
    })
    .replaceAll(/\bimport\(("\.\/[^"]+")\)/g, 'Promise.resolve().then(() => require($1))')
    .replaceAll('import.meta.url', OWN_URL)
    .replaceAll(EXPORTS, (_line, list) => {
      const names = list.split(',').map((item) => item.trim().split(' as '));
      const whole = names.find(([, name]) => name === '"module.exports"');
      if (whole !== undefined) return `module.exports = ${whole[0]};`;
      return names.map(([local, name = local]) => `exports.${name} = ${local};`).join('\n');
    });
  const [left] = /^(?:import|export)\b.*$|\bimport\.meta\b.*$|\bimport\(.*$/m.exec(lines) ?? [];
  if (left !== undefined) throw new Error(`this has no counterpart in CommonJS: ${left}`);
  return `"use strict";\n${lines}`;
}

/** A chunk in CommonJS that takes Node's own modules from where a site's code cannot do away with them. */
function withCapture(code, name) {
  const whole = name === 'rolldown-runtime' ? code + CAPTURE : code.includes(BUILTIN) ? captured(code) : code;
  // Throws where it is none, such as where it has a name that CommonJS has taken.
  compileFunction(whole, ['exports', 'require', 'module', '__filename', '__dirname']);
  return whole;
}

function captured(code) {
  if (!RUNTIME.test(code)) throw new Error('a chunk of the worker does not load the runtime of the bundle');
  return code
    .replace(
      RUNTIME,
      (_line, names, file) =>
        `const ${names ?? '{'}${names === undefined ? '' : ','} builtin: ${KEPT} } = require("${file}");`,
    )
    .replaceAll(BUILTIN, KEPT);
}

/**
 * Node's own modules asked for as `require` gets them. As an ES module each is given a facade, for which every export is read
 * once: that of `node:http` loads undici, that of `node:crypto` the Web Crypto API, a quarter of what a worker's boot costs.
 */
function withoutFacades(code) {
  const replaced = code.replaceAll(NODE_EFFECT, '').replaceAll(NODE_IMPORT, (_line, all, named, module) => {
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
