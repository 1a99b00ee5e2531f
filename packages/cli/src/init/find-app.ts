// What there is to run in a directory: by its framework, its start script, its package.json, its files. Nothing is run.
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { VhostError } from '@vhostd/protocol';
import { isScriptOfNode, OF_SHELL } from './node-script.js';

/** An app, and how it would be served. */
export interface FoundApp {
  readonly siteId: string;
  /** Fields of a site. */
  readonly site: Readonly<Record<string, unknown>>;
  /** What was found, and what is left to do. */
  readonly notes: readonly string[];
}

/** @throws {VhostError} ERR_INIT_NO_APP: there is nothing that could be run; ERR_CONF_SYNTAX: package.json is no JSON. */
export function findApp(directory: string): FoundApp {
  if (!existsSync(directory)) {
    throw new VhostError('ERR_INIT_NO_APP', `${directory}: there is no such directory`, {
      info: { directory },
    });
  }
  const manifest = readManifest(directory);
  const { name } = manifest;
  const siteId = siteIdOf(typeof name === 'string' ? name : path.basename(directory));
  const env = existsSync(path.join(directory, '.env')) ? { envFile: '.env' } : {};
  const { site, note } =
    ofFramework(manifest) ??
    ofStartScript(directory, manifest) ??
    ofEntry(directory, manifest) ??
    nothing(directory);
  const file = String(site['workerFile']);
  const missing =
    file === NPM || existsSync(path.join(directory, file))
      ? []
      : [`${file} is not there yet: build the app first`];
  return {
    siteId,
    site: { ...site, ...env },
    notes: [note, ...missing, ...('envFile' in env ? ['its variables come from .env'] : [])],
  };
}

interface Finding {
  site: Record<string, unknown>;
  note: string;
}

/** Package → what its production build is served by. */
const FRAMEWORKS: readonly [name: string, title: string, site: Record<string, unknown>][] = [
  ['next', 'Next.js', { workerFile: 'node_modules/next/dist/bin/next', workerArgs: ['start'] }],
  ['nuxt', 'Nuxt', { workerFile: '.output/server/index.mjs' }],
  ['@nestjs/core', 'NestJS', { workerFile: 'dist/main.js' }],
  ['@sveltejs/adapter-node', 'SvelteKit', { workerFile: 'build/index.js' }],
  ['@astrojs/node', 'Astro', { workerFile: 'dist/server/entry.mjs' }],
  [
    '@react-router/serve',
    'React Router',
    { workerFile: 'node_modules/@react-router/serve/bin.js', workerArgs: ['./build/server/index.js'] },
  ],
  [
    '@remix-run/serve',
    'Remix',
    { workerFile: 'node_modules/@remix-run/serve/dist/cli.js', workerArgs: ['./build/server/index.js'] },
  ],
];

function ofFramework(manifest: Record<string, unknown>): Finding | undefined {
  const known = { ...fields(manifest['devDependencies']), ...fields(manifest['dependencies']) };
  const found = FRAMEWORKS.find(([name]) => name in known);
  if (found === undefined) return undefined;
  const [, title, site] = found;
  return { site, note: `${title}: the server of its production build` };
}

/** `node server.js` and the like; what a shell would have to understand is left alone. */
function ofStartScript(directory: string, manifest: Record<string, unknown>): Finding | undefined {
  const scripts = fields(manifest['scripts']);
  const { start } = scripts;
  if (typeof start !== 'string' || OF_SHELL.test(start)) return undefined;
  const note = `the start script of package.json: ${start}`;
  const site = nodeScript(directory, start) ?? tsxScript(directory, start);
  if (site !== undefined) return { site, note };
  // Variables in front of node, and options with a value, are read from the script at each reload.
  if (!isScriptOfNode(start) || 'prestart' in scripts || 'poststart' in scripts) return undefined;
  return { site: { workerFile: NPM, workerArgs: ['start'] }, note };
}

/** `tsx src/index.ts`: a Node with a loader. */
function tsxScript(directory: string, start: string): Record<string, unknown> | undefined {
  const [program, file, ...workerArgs] = start.trim().split(/\s+/u);
  if (program !== 'tsx' || file === undefined || !existsSync(path.join(directory, file))) return undefined;
  return {
    workerFile: file,
    ...(workerArgs.length === 0 ? {} : { workerArgs }),
    workerOptions: { execArgv: ['--import', 'tsx'] },
  };
}

function nodeScript(directory: string, start: string): Record<string, unknown> | undefined {
  const [program, ...words] = start.trim().split(/\s+/u);
  const at = words.findIndex((word) => !word.startsWith('-'));
  const [file, ...workerArgs] = words.slice(at);
  if (program !== 'node' || at === -1 || file === undefined) return undefined;
  if (!existsSync(path.join(directory, file)) && !existsSync(path.join(directory, `${file}.js`)))
    return undefined;
  const execArgv = words.slice(0, at);
  return {
    workerFile: file,
    ...(workerArgs.length === 0 ? {} : { workerArgs }),
    ...(execArgv.length === 0 ? {} : { workerOptions: { execArgv } }),
  };
}

function ofEntry(directory: string, manifest: Record<string, unknown>): Finding | undefined {
  const { main } = manifest;
  if (typeof main === 'string' && existsSync(path.join(directory, main))) {
    return { site: { workerFile: main }, note: 'main of package.json' };
  }
  const file = ENTRIES.find((name) => existsSync(path.join(directory, name)));
  return file === undefined ? undefined : { site: { workerFile: file }, note: `the file ${file}` };
}

function nothing(directory: string): never {
  const message = `${directory}: there is no framework that is known, no start script with node, no main and none of ${ENTRIES.join(', ')}`;
  throw new VhostError('ERR_INIT_NO_APP', message, { info: { directory } });
}

function readManifest(directory: string): Record<string, unknown> {
  const file = path.join(directory, 'package.json');
  if (!existsSync(file)) return {};
  try {
    return fields(JSON.parse(readFileSync(file, 'utf8')));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new VhostError('ERR_CONF_SYNTAX', `${file}: ${why}`, { info: { file } });
  }
}

/** A scope and what no name of a site may have are left out. */
function siteIdOf(name: string): string {
  const id = name
    .replace(/^@[^/]*\//u, '')
    .replaceAll(/[^A-Za-z0-9._-]+/gu, '-')
    .slice(0, 64);
  return /^[.-]*$/u.test(id) ? 'app' : id;
}

function fields(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {};
}

/** Stands for what its script runs. */
const NPM = 'npm';
const ENTRIES = [
  'server.js',
  'app.js',
  'index.js',
  'main.js',
  'server.mjs',
  'index.mjs',
  'dist/index.js',
  'dist/server.js',
  'src/index.js',
  'src/server.js',
];
