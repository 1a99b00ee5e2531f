// Reads a conf file of any supported format and hands it to the one schema.
import { VhostError } from '@vhostd/protocol';
import { readFile, realpath } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, extname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { CONF_EXTENSIONS } from './conf-extensions.js';
import { parseConfText } from './conf-text.js';
import type { TextFormat } from './conf-text.js';
import { parseMasterConf } from './parse-conf.js';
import type { ConfSource, MasterConf } from './site-conf.js';

/**
 * The conf in `file` (`.json` with comments, `.js`, `.mjs`, `.cjs`, `.ts` where Node can import it, `.yaml`, `.yml` and
 * `.toml` where their parser is installed), read afresh at each call. What a script imports in its turn is not: Node keeps that, and each version of the script itself, for
 * as long as the process lives.
 * @throws {VhostError} ERR_CONF_NOT_FOUND: no such file. ERR_CONF_UNREADABLE: it is a directory, or may not be
 * read. ERR_CONF_FORMAT: its extension is not supported, by vhostd, by the running Node or for want of a parser.
 * ERR_CONF_SYNTAX: it is no JSON, YAML or TOML, with `info.line` and `info.column`, or no JavaScript. ERR_CONF_THREW: the script failed while it
 * ran. And the codes of `parseMasterConf`.
 */
export async function loadConf(file: string): Promise<MasterConf> {
  const { written, source } = await readConf(file);
  return parseMasterConf(await written(), source);
}

/** A conf file as it was read. */
export interface ReadConf {
  /** All that it says; absent where the file is a script, which may ask others. */
  readonly text?: string;
  /** @throws {VhostError} ERR_CONF_FORMAT, ERR_CONF_SYNTAX, ERR_CONF_THREW. */
  readonly written: () => Promise<unknown>;
  readonly source: ConfSource & { readonly file: string };
}

/** Reads a conf file, and nothing in it. @throws {VhostError} ERR_CONF_NOT_FOUND, ERR_CONF_UNREADABLE, ERR_CONF_FORMAT. */
export async function readConf(file: string): Promise<ReadConf> {
  const path = resolve(file);
  const format = FORMATS.get(extname(path).toLowerCase());
  if (format === undefined) throw formatError(path);
  const text = await readText(path);
  const source = { file: path, baseDir: dirname(path) };
  if (format === 'module') return { written: () => importAfresh(path), source };
  return { written: () => parseConfText(format, path, text), text, source };
}

export { parseConfText } from './conf-text.js';

const TEXT_FORMATS: ReadonlyMap<string, TextFormat> = new Map([
  ['.json', 'json'],
  ['.yaml', 'yaml'],
  ['.yml', 'yaml'],
  ['.toml', 'toml'],
]);
const FORMATS: ReadonlyMap<string, TextFormat | 'module'> = new Map(
  CONF_EXTENSIONS.map((extension) => [extension, TEXT_FORMATS.get(extension) ?? 'module']),
);
const require = createRequire(import.meta.url);
let importCount = 0;

async function readText(path: string): Promise<string> {
  try {
    const text = await readFile(path, 'utf8');
    // Editors on Windows put a byte order mark first, which JSON.parse refuses.
    return text.startsWith('\u{feff}') ? text.slice(1) : text;
  } catch (cause) {
    const code = codeOf(cause);
    if (code === 'ENOENT' || code === 'ENOTDIR') {
      throw new VhostError('ERR_CONF_NOT_FOUND', `${path}: there is no such conf file`, {
        info: { file: path },
        cause,
      });
    }
    const why =
      code === 'EISDIR' ? 'is a directory, not a conf file' : `can't be read (${code ?? String(cause)})`;
    throw new VhostError('ERR_CONF_UNREADABLE', `${path}: ${why}`, { info: { file: path }, cause });
  }
}

async function importAfresh(path: string): Promise<unknown> {
  importCount += 1;
  // A new query makes a new ES module; a CommonJS module is kept by its real path whatever the query says.
  delete require.cache[await realpath(path)];
  const url = pathToFileURL(path);
  url.searchParams.set('vhostd', String(importCount));
  let namespace: unknown;
  try {
    namespace = await import(url.href);
  } catch (cause) {
    throw importError(path, cause);
  }
  if (typeof namespace === 'object' && namespace !== null && 'default' in namespace) return namespace.default;
  throw new VhostError(
    'ERR_CONF_INVALID',
    `${path}: has no default export; expected \`export default { sites: […] }\``,
    {
      info: { file: path, problems: [], problemCount: 0 },
    },
  );
}

function importError(path: string, cause: unknown): VhostError {
  const info = { file: path };
  const message = cause instanceof Error ? cause.message : String(cause);
  if (codeOf(cause) === 'ERR_UNKNOWN_FILE_EXTENSION' && extname(path).toLowerCase() === '.ts') {
    const why = `Node ${process.versions.node} can't import TypeScript; 22.18 and later can. Use .js, .mjs, .cjs or .json`;
    return new VhostError('ERR_CONF_FORMAT', `${path}: ${why}`, { info, cause });
  }
  if (cause instanceof SyntaxError) {
    const line = lineOf(cause, path);
    const at = line === undefined ? path : `${path}:${line}`;
    return new VhostError('ERR_CONF_SYNTAX', `${at}: ${message}`, {
      info: { ...info, ...(line === undefined ? {} : { line }) },
      cause,
    });
  }
  return new VhostError('ERR_CONF_THREW', `${path}: failed while it ran: ${message}`, { info, cause });
}

/** The line of a syntax error; Node tells it in the first line of the stack, but not for ES modules. */
function lineOf(error: SyntaxError, path: string): number | undefined {
  const [first = ''] = error.stack?.split('\n') ?? [];
  const line = /:(\d+)$/.exec(first)?.[1];
  return line !== undefined && first.includes(path) ? Number(line) : undefined;
}

function formatError(path: string): VhostError {
  const extension = extname(path);
  const named = extension === '' ? 'a conf file without an extension' : `conf files of type '${extension}'`;
  return new VhostError(
    'ERR_CONF_FORMAT',
    `${path}: ${named} can't be read; supported: ${CONF_EXTENSIONS.join(', ')}`,
    { info: { file: path, extension, supported: CONF_EXTENSIONS } },
  );
}

function codeOf(thrown: unknown): string | undefined {
  return thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string'
    ? thrown.code
    : undefined;
}
