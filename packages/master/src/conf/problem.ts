// Turns what a schema refused into messages that name the place, the value and what would be right.
import { VhostError } from '@vhostd/protocol';
import type { ErrorCode } from '@vhostd/protocol';
import { z } from '@vhostd/protocol/schemas';
import { meantField, placeWithin } from './meant-field.js';
import { nearestKey } from './nearest-key.js';
import type { ConfSource } from './site-conf.js';

/** One thing that is wrong with a conf. */
export interface ConfProblem {
  /** The code that the error has if all its problems share it. */
  readonly code: ErrorCode;
  /** Where: `sites[1].listen[0].port`; empty for the whole. */
  readonly path: string;
  /** The value, shortened. Lists, objects and secrets are only named by their kind. */
  readonly value: string;
  /** What is wrong, in words. */
  readonly message: string;
  /** What would be right. */
  readonly expected: string;
}

/** Keys and indexes that lead to a value. */
export type ConfPath = readonly PropertyKey[];

/**
 * The problems of `raw` that `error` found, each with its path below `base`; at most `maxCount` of them, so
 * that a hostile value can't make a huge answer.
 */
export function problemsOf(
  error: z.ZodError,
  raw: unknown,
  schema: z.ZodType,
  maxCount: number = MAX_PROBLEM_COUNT,
): ConfProblem[] {
  const problems: ConfProblem[] = [];
  for (const issue of error.issues) {
    const found =
      issue.code === 'unrecognized_keys'
        ? unknownKeys(issue.keys.slice(0, maxCount), issue.path, raw, schema)
        : [problemOf(issue, raw)];
    problems.push(...found);
    if (problems.length >= maxCount) return problems.slice(0, maxCount);
  }
  return problems;
}

/** A problem of the value at `path`: "X is not Y", then what follows `because`; `reason` replaces it all. */
export function problemAt(
  path: ConfPath,
  value: unknown,
  expected: string,
  options: { code?: ErrorCode; reason?: string; because?: string } = {},
): ConfProblem {
  const shown = isSecret(path) ? kindOf(value) : showValue(value);
  const why = options.because === undefined ? '' : `: ${options.because}`;
  const message = value === undefined ? 'is missing' : `${shown} is not ${expected}${why}`;
  return {
    code: options.code ?? 'ERR_CONF_INVALID',
    path: formatPath(path),
    value: shown,
    message: options.reason ?? message,
    expected,
  };
}

/**
 * The error of a conf that has these problems, of which only the first at each path counts. Its code is the
 * problems' own if they share one, else ERR_CONF_INVALID; `info` is `{ file?, problems, problemCount }`.
 */
export function confError(problems: readonly ConfProblem[], source: ConfSource | string): VhostError {
  const seen = new Set<string>();
  const distinct = problems.filter(({ path }) => !seen.has(path) && seen.add(path));
  const codes = new Set(distinct.map(({ code }) => code));
  const [onlyCode = 'ERR_CONF_INVALID'] = codes.size === 1 ? codes : [];
  const named = typeof source === 'string' ? source : (source.file ?? 'conf');
  const lines = distinct.slice(0, MAX_LINE_COUNT).map(lineOf);
  if (distinct.length > lines.length) lines.push(`… and ${distinct.length - lines.length} more`);
  const message =
    lines.length === 1
      ? `${named}: ${lines[0]}`
      : [`${named}: ${distinct.length} problems`, ...lines].join('\n  ');
  return new VhostError(onlyCode, message, {
    info: {
      ...(typeof source === 'object' && source.file !== undefined ? { file: source.file } : {}),
      problems: distinct,
      problemCount: distinct.length,
    },
  });
}

/** `sites[1].listen[0].port`; keys that are no identifiers are quoted, long ones shortened. */
export function formatPath(path: ConfPath): string {
  let formatted = '';
  for (const key of path) {
    if (typeof key === 'number') formatted += `[${key}]`;
    else if (!/^[A-Za-z_$][\w$-]{0,63}$/.test(String(key))) formatted += `[${quote(String(key))}]`;
    else formatted += formatted === '' ? String(key) : `.${String(key)}`;
  }
  return formatted;
}

/** A value for a message: scalars as they are, shortened; lists and objects by their kind, as is PEM text. */
export function showValue(value: unknown): string {
  if (typeof value === 'string') return value.includes('-----BEGIN') ? 'a PEM text' : quote(value);
  if (typeof value === 'number' || typeof value === 'boolean' || value === null) return String(value);
  return kindOf(value);
}

const MAX_PROBLEM_COUNT = 1000;
const MAX_LINE_COUNT = 20;
const MAX_SHOWN_LENGTH = 60;
const SHOWN_KEY_MAX_COUNT = 12;
const SECRET_KEYS: ReadonlySet<PropertyKey> = new Set(['passphrase', 'password', 'key', 'cert', 'ca', 'env']);

function problemOf(issue: z.core.$ZodIssue, raw: unknown): ConfProblem {
  if (issue.code === 'invalid_key') {
    const key = String(issue.path.at(-1));
    const shown = quote(key);
    return {
      ...problemAt(issue.path, key, issue.message),
      value: shown,
      message: `${shown} is not ${issue.message}`,
    };
  }
  const params: Readonly<Record<string, unknown>> = issue.code === 'custom' ? { ...issue.params } : {};
  const { code, reason, because } = params;
  return problemAt(issue.path, valueAt(raw, issue.path), issue.message, {
    ...(isErrorCode(code) ? { code } : {}),
    ...(typeof reason === 'string' ? { reason } : {}),
    ...(typeof because === 'string' ? { because } : {}),
  });
}

/** The values of unknown keys are never shown: one may be a misspelt `passphrase`. */
function unknownKeys(
  keys: readonly string[],
  path: ConfPath,
  raw: unknown,
  schema: z.ZodType,
): ConfProblem[] {
  const place = schemaAt(schema, path);
  const known = Object.keys(Object(field(place, 'properties')));
  return keys.map((key) => {
    const meant = meantBy(key, place, known);
    const expected = meant === undefined ? `one of ${known.join(', ')}` : meant.field;
    return {
      code: 'ERR_CONF_INVALID',
      path: formatPath([...path, key]),
      value: kindOf(valueAt(raw, [...path, key])),
      message: meant === undefined ? unknownKey(known) : meant.message,
      expected,
    };
  });
}

/** The field that is meant: in the words of another tool, further inside, or misspelt. */
function meantBy(
  key: string,
  place: unknown,
  known: readonly string[],
): { field: string; message: string } | undefined {
  const word = known.includes('workerOptions') ? meantField(key) : undefined;
  const elsewhere = word ?? placeWithin(place, key);
  if (elsewhere !== undefined) {
    return { field: elsewhere, message: `unknown key; it is '${elsewhere}' here` };
  }
  const nearest = nearestKey(key, known);
  if (nearest === undefined) return undefined;
  return { field: nearest, message: `unknown key, did you mean '${nearest}'?` };
}

/** All that there are where they are few: nobody reads a list of forty. */
function unknownKey(known: readonly string[]): string {
  if (known.length <= SHOWN_KEY_MAX_COUNT) return 'unknown key';
  return `unknown key; docs/configuration.md has the ${known.length} that there are`;
}

/** The JSON Schema of the object at `path`. */
function schemaAt(schema: z.ZodType, path: ConfPath): unknown {
  let node: unknown = jsonSchemas.get(schema);
  if (node === undefined) jsonSchemas.set(schema, (node = z.toJSONSchema(schema, { io: 'input' })));
  for (const key of path)
    node = typeof key === 'number' ? field(node, 'items') : field(field(node, 'properties'), key);
  // Of what may be an object or something else, the object.
  const choices = field(node, 'anyOf');
  return Array.isArray(choices) ? choices.find((choice) => field(choice, 'properties') !== undefined) : node;
}

// Made once for each schema: a worker that sends one bad update after the other must stay cheap.
const jsonSchemas = new WeakMap<z.ZodType, unknown>();

function valueAt(raw: unknown, path: ConfPath): unknown {
  return path.reduce<unknown>((value, key) => field(value, key), raw);
}

function field(value: unknown, key: PropertyKey): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
  return Object.getOwnPropertyDescriptor(value, key)?.value;
}

function isSecret(path: ConfPath): boolean {
  return path.some((key) => SECRET_KEYS.has(key));
}

function isErrorCode(code: unknown): code is ErrorCode {
  return typeof code === 'string' && /^ERR_[A-Z0-9_]+$/.test(code);
}

function kindOf(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  if (Array.isArray(value)) return `a list of ${value.length}`;
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

function quote(value: string): string {
  return JSON.stringify(value.length > MAX_SHOWN_LENGTH ? `${value.slice(0, MAX_SHOWN_LENGTH - 1)}…` : value);
}

function lineOf({ path, message, expected }: ConfProblem): string {
  const isTold = message.includes(expected) || message.startsWith('unknown key;');
  const told = isTold ? message : `${message}; expected ${expected}`;
  return path === '' ? told : `${path}: ${told}`;
}
