// Conf files that are no programs: JSON with comments, and YAML and TOML, whose parsers are packages that the user
// installs. An error says where and what, and never quotes the text, which may hold a passphrase.
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { VhostError } from '@vhostd/protocol';
import stripJsonComments from 'strip-json-comments';
import { findJsonFault } from './json-syntax.js';

/** The formats of conf files that are text. */
export type TextFormat = 'json' | 'yaml' | 'toml';

/**
 * What a text says.
 * @param file Its absolute path, for messages, and for the place where the parser is looked for.
 * @throws {VhostError} ERR_CONF_SYNTAX with `info.line` and `info.column`; ERR_CONF_FORMAT: the parser is not installed.
 */
export async function parseConfText(format: TextFormat, file: string, text: string): Promise<unknown> {
  if (format === 'json') return parseJson(file, text);
  return format === 'yaml' ? await parseYaml(file, text) : await parseToml(file, text);
}

function parseJson(file: string, text: string): unknown {
  // Comments and commas become spaces: what is told of the rest is in its place.
  const plain = stripJsonComments(text, { trailingCommas: true });
  try {
    return JSON.parse(plain) as unknown;
  } catch {
    // The thrown error is not kept as a cause: its message quotes the text.
    throw syntaxError(file, findJsonFault(plain) ?? { line: 1, column: 1, reason: 'it is no JSON' });
  }
}

async function parseYaml(file: string, text: string): Promise<unknown> {
  const { parseDocument } = await importParser('yaml', file);
  const document: unknown = Reflect.apply(parseDocument, undefined, [text, { prettyErrors: true }]);
  const [error] = listOf(document, 'errors');
  if (error === undefined) return yamlValue(file, document);
  const [at] = listOf(error, 'linePos');
  const code = String(fieldOf(error, 'code')).toLowerCase().replaceAll('_', ' ');
  throw syntaxError(file, { ...placeOf(at, 'line', 'col'), reason: `it is no YAML: ${code}` });
}

/** Aliases are followed here, up to a bound. */
function yamlValue(file: string, document: unknown): unknown {
  try {
    return Reflect.apply(methodOf(document, 'toJS'), document, []);
  } catch {
    const reason = 'it is no YAML: an alias stands before its anchor, or there are too many of them';
    throw syntaxError(file, { line: 1, column: 1, reason });
  }
}

async function parseToml(file: string, text: string): Promise<unknown> {
  const { parse } = await importParser('smol-toml', file);
  try {
    return Reflect.apply(parse, undefined, [text]);
  } catch (error) {
    // Below the first line it shows the text.
    const [first = ''] = error instanceof Error ? error.message.split('\n') : [];
    const why = first.replace(/^Invalid TOML document: /u, '');
    throw syntaxError(file, { ...placeOf(error, 'line', 'column'), reason: `it is no TOML: ${why}` });
  }
}

interface Parser {
  parse: CallableFunction;
  parseDocument: CallableFunction;
}

/** The parser that is installed beside vhostd, or beside the conf file. @throws {VhostError} ERR_CONF_FORMAT. */
export async function importParser(name: string, file: string): Promise<Parser> {
  for (const from of [import.meta.url, pathToFileURL(file)]) {
    try {
      return (await import(pathToFileURL(createRequire(from).resolve(name)).href)) as Parser;
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'MODULE_NOT_FOUND')) throw error;
    }
  }
  const message = `${file}: the package ${name}, which reads such files, is not installed; npm install ${name}`;
  throw new VhostError('ERR_CONF_FORMAT', message, { info: { file, package: name } });
}

function syntaxError(
  file: string,
  { line, column, reason }: { line: number; column: number; reason: string },
): VhostError {
  return new VhostError('ERR_CONF_SYNTAX', `${file}:${line}:${column}: ${reason}`, {
    info: { file, line, column, reason },
  });
}

function placeOf(at: unknown, line: string, column: string): { line: number; column: number } {
  return { line: Number(fieldOf(at, line)) || 1, column: Number(fieldOf(at, column)) || 1 };
}

function listOf(value: unknown, name: string): unknown[] {
  const field = fieldOf(value, name);
  return Array.isArray(field) ? field : [];
}

function methodOf(value: unknown, name: string): CallableFunction {
  return fieldOf(value, name) as CallableFunction;
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}
