// The kinds of value a conf field can have, as zod schemas. Convention: an issue's message is the phrase that
// says what would be right ("an integer from 1 to 65535"), and `params` says why if there is more to it.
import { VhostError } from '@vhostd/protocol';
import { SocketAddress, isIP } from 'node:net';
import { z } from '@vhostd/protocol/schemas';
import { formatHostPattern, parseHostPattern } from '../hosts/host-pattern.js';
import {
  DURATION_PATTERN,
  SIZE_PATTERN,
  durationWithoutUnit,
  formatDuration,
  formatSize,
  parseDuration,
  parseSize,
  sizeWithoutUnit,
} from './quantity.js';

/** What `params` of a custom issue may hold: a code of its own, the whole reason, or what made it wrong. */
export interface IssueParams {
  code?: string;
  reason?: string;
  because?: string;
}

/** Where the value of a variable is: a file, absolute once it is resolved, or a credential of systemd. */
export type VariableSource = { readonly file: string } | { readonly credential: string };

/** An object with these keys and no others. */
export function object<Shape extends z.ZodRawShape>(shape: Shape): z.ZodObject<Shape, z.core.$strict> {
  return z.strictObject(shape, { error: 'an object' });
}

/** A list of `element`, with at least `minLength` of them. */
export function list<Element extends z.ZodType>(
  element: Element,
  elements: string,
  minLength = 0,
): z.ZodArray<Element> {
  const expected = minLength === 0 ? `a list of ${elements}` : `a list of ${elements}, at least ${minLength}`;
  const array = z.array(element, { error: expected });
  return minLength === 0 ? array : array.min(minLength, { error: expected });
}

/** An integer of `min`..`max`, both included; `otherwise` says what else may be done. */
export function integer(min: number, max: number, otherwise = ''): z.ZodInt {
  const error = `an integer from ${min} to ${max}${otherwise}`;
  return z.int({ error }).min(min, { error }).max(max, { error });
}

/** A number of `min`..`max`, both included. */
export function number(min: number, max: number): z.ZodType<number> {
  const error = `a number from ${min} to ${max}`;
  return z.number({ error }).min(min, { error }).max(max, { error });
}

/** `true` or `false`. */
export function flag(): z.ZodBoolean {
  return z.boolean({ error: 'true or false' });
}

/** One of `names`. */
export function choice<const Names extends readonly string[]>(
  names: Names,
): z.ZodEnum<{ [Name in Names[number]]: Name }> {
  return z.enum(names, { error: `one of ${names.map((name) => `'${name}'`).join(', ')}` });
}

/** The name of a cookie (RFC 6265 4.1.1). */
export function cookieName(): z.ZodString {
  const error = 'the name of a cookie';
  return z
    .string({ error })
    .max(MAX_COOKIE_NAME_LENGTH, { error })
    .regex(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/, { error });
}

/** Any text that the operating system takes as an argument: it has no null character. */
export function text(): z.ZodString {
  const error = 'a string without null characters';
  return z.string({ error }).regex(/^[^\0]*$/, { error });
}

/** The value of a variable: itself (the environment holds strings, so a number or a flag becomes one), or where it is. */
export function variable(): z.ZodType<string | VariableSource, string | number | boolean | VariableSource> {
  const error =
    "a string, a number, true or false, { file: 'PATH' } or { credential: 'NAME' }, a credential of systemd";
  return z
    .union(
      [
        text(),
        z.number(),
        z.boolean(),
        object({ file: path().describe('File that holds the value, relative to `path` of the site.') }),
        object({
          credential: z.string().regex(CREDENTIAL_PATTERN).describe('Name of a credential of systemd.'),
        }),
      ],
      { error },
    )
    .transform((written) => (typeof written === 'object' ? written : String(written)));
}

/** A file system path as written; `~` and `~/…` stand for the home directory, `~name` for nothing. */
export function path(): z.ZodString {
  const error = "a path: absolute, relative or beginning with '~/'";
  return z.string({ error }).regex(/^(?!~[^/])[^\0]+$/, { error });
}

/** Milliseconds out of a duration; `min` and `max` in milliseconds. */
export function duration(min = 1, max: number = MAX_DURATION_MS): z.ZodType<number, string | number> {
  const error =
    `a duration from ${formatDuration(min)} to ${formatDuration(max)}, ` +
    "written as '10s' or as a number of milliseconds";
  const kind = { pattern: DURATION_PATTERN, parse: parseDuration, withoutUnit: durationWithoutUnit };
  return quantity(kind, min, max, error);
}

/** Bytes out of a size; `min` and `max` in bytes. */
export function size(min: number, max: number): z.ZodType<number, string | number> {
  const error = `a size from ${formatSize(min)} to ${formatSize(max)}, written as '64kb' or as a number of bytes`;
  const kind = { pattern: SIZE_PATTERN, parse: parseSize, withoutUnit: sizeWithoutUnit };
  return quantity(kind, min, max, error);
}

/** A host pattern in its normal form. Issues carry the code and the reason of the pattern's own parser. */
export function hostPattern(): z.ZodType<string, string> {
  const error = "a host name, such as 'a.com' or '*.a.com'";
  return z
    .string({ error })
    .max(MAX_HOST_LENGTH, { error, abort: true })
    .transform((written, context) => {
      try {
        return formatHostPattern(parseHostPattern(written));
      } catch (thrown) {
        if (!(thrown instanceof VhostError)) throw thrown;
        // Not its message, which holds the value in full: that is for problem.ts to shorten or hide.
        const params: IssueParams = { code: thrown.code, because: String(thrown.info['reason']) };
        context.addIssue({ code: 'custom', message: error, params: { ...params } });
        return z.NEVER;
      }
    });
}

/** An IP literal in its canonical form (RFC 5952 for IPv6), its zone kept. */
export function ipAddress(): z.ZodType<string, string> {
  const error = "an IP address, such as '127.0.0.1' or '::1'";
  return z
    .string({ error })
    .max(MAX_IP_LENGTH, { error, abort: true })
    .refine((written) => isIP(written) !== 0, { error, abort: true })
    .transform(canonicalIp);
}

/** An IP address or a range of them, in its canonical form with the length of its prefix. */
export function ipRange(): z.ZodType<string, string> {
  const error = "an IP address or range, such as '10.0.0.0/8' or 'fd00::/8'";
  return z
    .string({ error })
    .max(MAX_IP_LENGTH, { error, abort: true })
    .transform((written, context) => {
      const [address = '', prefix, ...rest] = written.split('/');
      const bits = { 0: 0, 4: 32, 6: 128 }[isIP(address)] ?? 0;
      const length = prefix === undefined ? bits : Number(prefix);
      const isLength = prefix === undefined || /^\d{1,3}$/.test(prefix);
      if (bits > 0 && !address.includes('%') && isLength && length <= bits && rest.length === 0) {
        return `${canonicalIp(address)}/${length}`;
      }
      context.addIssue({ code: 'custom', message: error });
      return z.NEVER;
    });
}

/** A user or a group of the machine: its name, or its id, which need not have a name. */
export function account(kind: 'user' | 'group'): z.ZodType<string | number, string | number> {
  const error = `the name or the id of a ${kind}`;
  return z.union(
    [
      z.string({ error }).regex(ACCOUNT_PATTERN, { error }),
      z.int({ error }).min(0, { error }).max(MAX_ID, { error }),
    ],
    { error },
  );
}

/** The path of a URL, without query. */
export function urlPath(): z.ZodString {
  const error = "the path of a URL, such as '/healthz'";
  return z
    .string({ error })
    .max(MAX_URL_PATH_LENGTH, { error })
    .regex(/^\/[!-"$->@-~]*$/, { error });
}

/** A port as a number, or `'from-to'`, as a range. */
export function portRange(): z.ZodType<{ from: number; to: number }, string | number> {
  const error = "a port from 0 to 65535, or a range such as '8000-8999'";
  return z
    .union([integer(0, MAX_PORT), z.string({ error }).regex(PORT_RANGE_PATTERN, { error })], { error })
    .transform((written, context) => {
      if (typeof written === 'number') return { from: written, to: written };
      const [from = Number.NaN, to = Number.NaN] = written.split('-').map(Number);
      if (from <= to && to <= MAX_PORT) return { from, to };
      context.addIssue({ code: 'custom', message: error });
      return z.NEVER;
    });
}

/**
 * Arguments of `refine` for an object whose field at `at` is refused for `reason`. The check runs even if
 * other fields are wrong, so that all problems are found at once: it sees raw values where they are.
 */
export function refusal(at: readonly string[], expected: string, reason: string): z.core.$ZodCustomParams {
  const params: IssueParams = { reason };
  return {
    error: expected,
    path: [...at],
    params: { ...params },
    when: ({ value }) => typeof value === 'object' && value !== null,
  };
}

/** Arguments of `refine` for an object whose `low` must `relation` its `high`; equal is fine for 'be at most'. */
export function ordered(
  low: string,
  high: string,
  relation: 'be at most' | 'be less than',
  what = 'a duration',
): [check: (value: object) => boolean, params: z.core.$ZodCustomParams] {
  const check = (value: object): boolean => {
    const fields: Readonly<Record<string, unknown>> = { ...value };
    const [lowValue, highValue] = [fields[low], fields[high]];
    if (typeof lowValue !== 'number' || typeof highValue !== 'number') return true;
    return lowValue < highValue || (lowValue === highValue && relation === 'be at most');
  };
  return [check, refusal([low], `${what} to ${relation} ${high}`, `${low} must ${relation} ${high}`)];
}

/** The same fields, none of them undefined. */
export type Defined<T> = { [Key in keyof T]: Exclude<T[Key], undefined> };

/** The same object without the fields that are undefined. */
export function withoutUndefined<T extends object>(value: T): Defined<T> {
  const copy = { ...value };
  dropUndefined(copy);
  return copy;
}

/** How a kind of quantity is read. */
interface QuantityKind {
  pattern: RegExp;
  parse: (written: string | number) => number | undefined;
  /** What is wrong with a text that is a number without its unit. */
  withoutUnit: (written: string) => string | undefined;
}

/** The largest duration: Node's timers hold 2^31 - 1 ms (24.8 days) and fire at once beyond it. */
export const MAX_DURATION_MS: number = 24 * 24 * 60 * 60 * 1000;

/** The largest id of a user or a group: -1 means something else, and Node takes 32 bits with a sign. */
export const MAX_ID = 2_147_483_647;

const MAX_URL_PATH_LENGTH = 1000;
// Whatever could be one, but neither an option of getent nor more than one field of its files.
const ACCOUNT_PATTERN = /^[^-:/\s\0][^:/\n\0]{0,255}$/;

// One part of a path, as systemd.exec(5) has it of LoadCredential=.
const CREDENTIAL_PATTERN = /^(?!\.{1,2}$)[^/\0]{1,255}$/;

/** The largest TCP port. */
export const MAX_PORT = 65_535;
export const MEGABYTE: number = 1024 * 1024;
export const GIGABYTE: number = 1024 * MEGABYTE;

const PORT_RANGE_PATTERN = /^\d{1,5}-\d{1,5}$/;
const MAX_COOKIE_NAME_LENGTH = 256;
// A host name has at most 253 characters (RFC 1035, section 2.3.4); the rest is room for a wildcard and a dot.
const MAX_HOST_LENGTH = 256;
// 45 characters of an address and a zone, which is an interface's name of at most 15 (IFNAMSIZ of Linux).
const MAX_IP_LENGTH = 64;

function quantity(
  { pattern, parse, withoutUnit }: QuantityKind,
  min: number,
  max: number,
  error: string,
): z.ZodType<number, string | number> {
  return z
    .union(
      [
        z
          .string({ error })
          .superRefine((written, context) => {
            const reason = withoutUnit(written);
            if (reason === undefined) return;
            const params: IssueParams = { reason };
            context.addIssue({ code: 'custom', message: error, params: { ...params } });
          })
          .regex(pattern, { error }),
        z.int({ error }).min(min, { error }).max(max, { error }),
      ],
      {
        error,
      },
    )
    .transform((written, context) => {
      const value = parse(written);
      if (value !== undefined && value >= min && value <= max) return value;
      context.addIssue({ code: 'custom', message: error });
      return z.NEVER;
    });
}

function canonicalIp(address: string): string {
  const [literal = '', zone] = address.split('%');
  const family = isIP(literal) === 6 ? 'ipv6' : 'ipv4';
  const canonical = new SocketAddress({ address: literal, family }).address;
  return zone === undefined ? canonical : `${canonical}%${zone}`;
}

function dropUndefined<T extends object>(value: T): asserts value is T & Defined<T> {
  for (const key in value) if (value[key] === undefined) delete value[key];
}
