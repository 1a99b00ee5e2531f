// A site that has not installed this package gets the runtime's copy of it. `module.registerHooks` does that for
// `require` and `import`; Node 20 has not got it. There, undocumented: `Module._resolveFilename` is where `require`
// looks up a file. Its `module.register` costs each process 11 MB and a thread, so only an entry that names this
// package is given that.
// Checked on Node 20.20, 22.23, 24.21 and 26.10; own-copy.test.ts fails where one of them changes.
import { readFileSync } from 'node:fs';
import Module, { createRequire, register } from 'node:module';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';

const NAME = '@vhostd/worker';
const NOT_FOUND: ReadonlySet<unknown> = new Set(['MODULE_NOT_FOUND', 'ERR_MODULE_NOT_FOUND']);

/** To be called before the site's code is loaded. @param entry The file that the process runs. */
export function offerOwnCopy(entry: string | undefined): void {
  if (entry === undefined || isFound(entry)) return;
  const registerHooks: unknown = Reflect.get(Module, 'registerHooks');
  if (typeof registerHooks === 'function') {
    registerHooks({ resolve: resolveOwn });
    return;
  }
  patchRequire();
  if (textOf(entry).includes(NAME)) registerAsync(urlForImport());
}

/** The runtime's copy, which this module is a part of, as `require` gets it. */
function fileForRequire(): string {
  return createRequire(import.meta.url).resolve(NAME);
}

/** As `import` gets it, which has its name, too. */
function urlForImport(): string {
  return pathToFileURL(join(dirname(fileForRequire()), 'index.js')).href;
}

function registerAsync(url: string): void {
  try {
    register(`data:text/javascript,${encodeURIComponent(asyncHook(url))}`);
  } catch (error) {
    // Its permissions allow no thread: `import` then finds a copy only where the site has one.
    if (!(error instanceof Error && 'code' in error && error.code === 'ERR_ACCESS_DENIED')) throw error;
  }
}

interface Resolved {
  url: string;
  format?: string;
  shortCircuit?: boolean;
}
type Next = (specifier: string, context: unknown) => Resolved;

function resolveOwn(specifier: string, context: { conditions: readonly string[] }, next: Next): Resolved {
  if (specifier !== NAME) return next(specifier, context);
  try {
    return next(specifier, context);
  } catch (error) {
    if (!isNotFound(error)) throw error;
    return context.conditions.includes('require')
      ? { url: pathToFileURL(fileForRequire()).href, format: 'commonjs', shortCircuit: true }
      : { url: urlForImport(), format: 'module', shortCircuit: true };
  }
}

/** The same for Node 20, as the text of a module: it runs in a thread of its own. */
function asyncHook(url: string): string {
  return `export async function resolve(specifier, context, next) {
    if (specifier !== ${JSON.stringify(NAME)}) return next(specifier, context);
    try {
      return await next(specifier, context);
    } catch (error) {
      if (error?.code !== 'ERR_MODULE_NOT_FOUND') throw error;
      return { url: ${JSON.stringify(url)}, format: 'module', shortCircuit: true };
    }
  }`;
}

type ResolveFilename = (this: unknown, request: string, ...rest: unknown[]) => string;

function patchRequire(): void {
  const original = Reflect.get(Module, '_resolveFilename') as ResolveFilename;
  const resolve: ResolveFilename = function resolveFilename(request, ...rest) {
    if (request !== NAME) return original.call(this, request, ...rest);
    try {
      return original.call(this, request, ...rest);
    } catch (error) {
      if (!isNotFound(error)) throw error;
      return fileForRequire();
    }
  };
  Reflect.set(Module, '_resolveFilename', resolve);
}

function isFound(entry: string): boolean {
  try {
    createRequire(entry).resolve(NAME);
    return true;
  } catch (error) {
    // What is there but broken is the site's own to hear of.
    return !isNotFound(error);
  }
}

function isNotFound(error: unknown): boolean {
  return error instanceof Error && 'code' in error && NOT_FOUND.has(error.code);
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
