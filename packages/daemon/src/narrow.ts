// Narrows what another process sent: each reader gives the value, or throws naming the place that is wrong.
import { VhostError } from '@vhostd/protocol';

/** Reads one value. @throws {VhostError} ERR_MESSAGE_INVALID, which names `path`. */
export type Reader<T> = (value: unknown, path: string) => T;

/** An object that is no list. */
export const record: Reader<Record<string, unknown>> = (value, path) => {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
  throw invalid(path, 'an object');
};

export const text: Reader<string> = (value, path) => {
  if (typeof value === 'string') return value;
  throw invalid(path, 'a text');
};

/** A finite number that is not negative. */
export const amount: Reader<number> = (value, path) => {
  if (typeof value === 'number' && value >= 0 && Number.isFinite(value)) return value;
  throw invalid(path, 'a number from 0');
};

/** A whole number that is not negative. */
export const count: Reader<number> = (value, path) => {
  if (typeof value === 'number' && value >= 0 && Number.isSafeInteger(value)) return value;
  throw invalid(path, 'a whole number from 0');
};

export const flag: Reader<boolean> = (value, path) => {
  if (typeof value === 'boolean') return value;
  throw invalid(path, 'true or false');
};

/** A mark that is there or not: where it is, it is true. */
export const truth: Reader<true> = (value, path) => {
  if (value === true) return value;
  throw invalid(path, 'true');
};

/** One of these texts. */
export function oneOf<const T extends string>(...allowed: T[]): Reader<T> {
  return (value, path) => {
    const found = allowed.find((one) => one === value);
    if (found !== undefined) return found;
    throw invalid(path, `one of ${allowed.join(', ')}`);
  };
}

/** A list of what `item` reads. */
export function listOf<T>(item: Reader<T>): Reader<T[]> {
  return (value, path) => {
    if (!Array.isArray(value)) throw invalid(path, 'a list');
    return value.map((entry, index) => item(entry, `${path}[${index}]`));
  };
}

/** An object with any keys, whose values `item` reads. */
export function recordOf<T>(item: Reader<T>): Reader<Record<string, T>> {
  return (value, path) =>
    Object.fromEntries(
      Object.entries(record(value, path)).map(([key, entry]) => [key, item(entry, `${path}.${key}`)]),
    );
}

/** The field `key` as an object to spread: empty where it is absent. */
export function optional<K extends string, T>(
  fields: Record<string, unknown>,
  key: K,
  path: string,
  read: Reader<T>,
): { [P in K]?: T } {
  const value = fields[key];
  if (value === undefined) return {};
  const present: { [P in K]?: T } = {};
  present[key] = read(value, `${path}.${key}`);
  return present;
}

function invalid(path: string, expected: string): VhostError {
  return new VhostError(
    'ERR_MESSAGE_INVALID',
    `another process sent what is not right: ${path} is not ${expected}`,
    {
      info: { path, expected },
    },
  );
}
