// What kind of file is imported, and what stands in it.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { runInNewContext } from 'node:vm';
import { VhostError } from '@vhostd/protocol';
import type { ImportedApp, ImportedServer } from './draft.js';
import { serversOf, unreadIncludes } from './nginx.js';
import { readNginx } from './nginx-files.js';
import { pm2Apps, whyNoApps } from './pm2.js';
import { FILE_SERVER } from './pm2-script.js';

export interface Source {
  readonly apps: readonly ImportedApp[];
  readonly servers: readonly ImportedServer[];
  /** Files that nginx includes and that could not be read. */
  readonly unread: readonly string[];
}

/**
 * Apps of a PM2 file, which is told by its extension (a script is run, as PM2 runs it), or else servers of nginx.
 * @throws {VhostError} ERR_IMPORT_UNREADABLE, ERR_IMPORT_SYNTAX, ERR_IMPORT_EMPTY
 */
export async function readSource(file: string, environment: string | undefined): Promise<Source> {
  const text = textOf(file);
  const read = READERS[path.extname(file).toLowerCase()] ?? (/^\s*[[{]/.test(text) ? fromJson : undefined);
  if (read === undefined) {
    const directives = readNginx(file, text);
    const servers = serversOf(directives, file);
    if (servers.length === 0)
      throw emptyError(file, 'no block server of nginx, and it is no .js, .json or .yaml of PM2');
    return { apps: [], servers, unread: unreadIncludes(directives) };
  }
  if (text.trim() === '') throw emptyError(file, 'nothing in it');
  const raw = await read(text, file);
  const apps = pm2Apps(raw, file, environment);
  if (apps === undefined && typeof raw === 'object' && raw !== null && 'static' in raw)
    throw emptyError(file, `no app, but directories for PM2's file server ("static"): ${FILE_SERVER}`);
  if (apps === undefined) throw emptyError(file, whyNoApps(raw));
  return { apps, servers: [], unread: [] };
}

type Read = (text: string, file: string) => unknown;

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new VhostError('ERR_IMPORT_UNREADABLE', `${file} can't be read: ${why}`, { info: { file }, cause });
  }
}

/** PM2 takes JSON with comments, without quotes and with `process.env`: it is read as an expression. */
function fromJson(text: string, file: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    try {
      return runInNewContext(
        `(${text}\n)`,
        { process: { env: { ...process.env } } },
        { timeout: 1000, filename: file },
      ) as unknown;
    } catch (cause) {
      throw syntaxError(file, cause);
    }
  }
}

async function fromScript(_text: string, file: string): Promise<unknown> {
  try {
    const namespace = (await import(pathToFileURL(file).href)) as { default?: unknown };
    return namespace.default ?? { ...namespace };
  } catch (cause) {
    throw syntaxError(file, cause);
  }
}

/** With the YAML library of PM2's own, or whichever is installed beside the file or vhostd. */
async function fromYaml(text: string, file: string): Promise<unknown> {
  for (const [base, name] of [
    [file, 'js-yaml'],
    [file, 'yaml'],
    [import.meta.url, 'yaml'],
    [import.meta.url, 'js-yaml'],
  ] as const) {
    const library = await libraryAt(base, name);
    if (library === undefined) continue;
    try {
      return (library.load ?? library.parse)?.(text);
    } catch (cause) {
      throw syntaxError(file, cause);
    }
  }
  const message = `${file}: no YAML library is installed; type: npx -y js-yaml ${file} > ecosystem.json, and import that`;
  throw new VhostError('ERR_IMPORT_UNREADABLE', message, { info: { file } });
}

interface YamlLibrary {
  load?: (text: string) => unknown;
  parse?: (text: string) => unknown;
}

async function libraryAt(base: string, name: string): Promise<YamlLibrary | undefined> {
  try {
    const { default: library } = (await import(pathToFileURL(createRequire(base).resolve(name)).href)) as {
      default: YamlLibrary;
    };
    return library;
  } catch {
    return undefined;
  }
}

function syntaxError(file: string, cause: unknown): VhostError {
  const why = textIn(cause, 'message') ?? String(cause);
  const line = lineOf(file, cause);
  const where = line === undefined ? file : `${file}:${line}`;
  const info = { file, ...(line === undefined ? {} : { line }) };
  return new VhostError('ERR_IMPORT_SYNTAX', `${where}: ${why}`, { info, cause });
}

/** V8 begins the stack of what can't be read with its place. */
function lineOf(file: string, cause: unknown): number | undefined {
  const [, named = '', line] = /^(.*):(\d+)\n/.exec(textIn(cause, 'stack') ?? '') ?? [];
  return named === file || named === pathToFileURL(file).href ? Number(line) : undefined;
}

/** Of an error that may be of another realm, whose classes are others. */
function textIn(error: unknown, name: 'message' | 'stack'): string | undefined {
  const value: unknown = typeof error === 'object' && error !== null ? Reflect.get(error, name) : undefined;
  return typeof value === 'string' ? value : undefined;
}

function emptyError(file: string, what: string): VhostError {
  return new VhostError('ERR_IMPORT_EMPTY', `${file} has ${what}`, { info: { file } });
}

const READERS: Readonly<Record<string, Read>> = {
  '.js': fromScript,
  '.cjs': fromScript,
  '.mjs': fromScript,
  '.json': fromJson,
  '.pm2': fromJson,
  '.yaml': fromYaml,
  '.yml': fromYaml,
};
